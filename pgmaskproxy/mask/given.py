"""The texts inside a value that the client sends, and the same value with others in their places.

A token is a text wherever it stands: in a column of texts, as the bytes of a bytea, as an element of an array, as a
field of a composite value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, final

from pgmaskproxy.mask.array import ArrayBinaryMasker, ArrayTextMasker
from pgmaskproxy.mask.composite import CompositeBinaryMasker, CompositeTextMasker
from pgmaskproxy.mask.masker import Masker
from pgmaskproxy.mask.typed import bytea_value, text_reader
from pgmaskproxy.mask.types import ARRAY, BPCHAR, BYTEA, COMPOSITE, JSON, JSONB, TEXTS, UUID, XML, Shape, shape_of
from pgmaskproxy.model import DataType

Visit: TypeAlias = Callable[[str], "bytes | None"]
"""Told a text, it says what is to stand in its place; None is the text itself."""

_HOLDS_TEXT: Final = TEXTS | {BYTEA}
_WITHIN: Final = _HOLDS_TEXT | {JSON, JSONB, UUID, XML}
"""Of what fields are looked at: masks show nothing that could be told from a value in any other."""


class Unreadable(ValueError):
    """The value is none of its type, or of a type in which no text can be replaced."""


@final
class _Visited(Masker):
    """Every value as it is visited: an array's elements, by what masks them in results."""

    def __init__(self, shape: Shape, code: int, visit: Visit) -> None:
        super().__init__(fixed=False)
        self.shape: Final = shape
        self.code: Final = code
        self.visit: Final = visit
        self.read: Final = text_reader(shape.family, code)

    def mask(self, value: bytes) -> bytes | None:
        return self.passed(value)

    def passed(self, value: bytes) -> bytes:
        """What stands in its place."""
        # bytea's older format, which a client may send, is the bytes themselves but for backslashes.
        is_bytea = self.shape.family == BYTEA
        as_it_is = is_bytea and self.code == 0 and not value.startswith(b"\\x")
        try:
            text = (value if as_it_is else self.read(value)).decode("utf-8", "replace" if is_bytea else "strict")
        except ValueError as error:
            raise Unreadable("not as a server would write it") from error
        found = self.visit(text.rstrip(" ") if self.shape.family == BPCHAR else text)
        if found is None:
            return value
        if self.shape.family not in _HOLDS_TEXT:
            raise Unreadable("no text can stand there")
        return bytea_value(found, self.code) if is_bytea else found


def visited(value: bytes, type_oid: int, code: int, types: Mapping[int, DataType], visit: Visit) -> bytes:
    """`value`, of a type and in format `code`, with what `visit` says in the place of each text in it.

    Raises Unreadable for what no server would write, and for a replacement where none fits.
    """
    found = _visitor(shape_of(type_oid, -1, types), code, visit).mask(value)
    if found is None:
        raise Unreadable("no array, or no record, as a server would write it")
    return found


def _visitor(shape: Shape, code: int, visit: Visit) -> Masker:
    if shape.family == ARRAY:
        element = _visitor(shape.parts[0], code, visit)
        return ArrayTextMasker(element) if code == 0 else ArrayBinaryMasker(element, shape.part_oids[0])
    if shape.family == COMPOSITE:
        fields = [_visitor(part, code, visit) if _may_hold(part) else None for part in shape.parts]
        return CompositeTextMasker(fields) if code == 0 else CompositeBinaryMasker(fields, shape.part_oids)
    return _Visited(shape, code, visit)


def _may_hold(shape: Shape) -> bool:
    if shape.family in {ARRAY, COMPOSITE}:
        return any(map(_may_hold, shape.parts))
    return shape.family in _WITHIN
