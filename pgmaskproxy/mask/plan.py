"""What two witnesses say of a result's columns, bound to one result shape.

The text's lineage gives masks by ordinal (DESIGN 3c); the portal's RowDescription names a relation
and column by OID and number, or says nothing (3b). Both must clear an output before it is shown as
it is. Every plan starts as `SEALED`, and only this module makes another (4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.errors import InternalError
from pgmaskproxy.mask.copycsv import CsvFormat
from pgmaskproxy.mask.copytext import RowFormat, TextFormat
from pgmaskproxy.mask.keys import NO_KEYS, Keyring
from pgmaskproxy.mask.kinds import strength
from pgmaskproxy.mask.masker import Masker
from pgmaskproxy.mask.maskers import NO_CUSTOMS, Customs, masker, row_masker
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import NULL_MASK, ROW, CopyLayout, DataType, Mask, Visibility
from pgmaskproxy.wire.backend import Field

TEXT: Final = CopyLayout()
"""COPY's text format with every default."""

CLEAR: Final = 0
FIXED: Final = 1
COMPUTED: Final = 2

_NULL_CELL: Final = b"\xff\xff\xff\xff"


@final
class MaskPlan:
    """A compiled program for the DataRows of one result shape: for the kernel, not to be changed.

    `columns` every row must have; `masked` whether any of them is. Per column `steps` says CLEAR,
    FIXED or COMPUTED, `cells` holds the whole cell of a FIXED one, length field included, and
    `maskers` the masker of a COMPUTED one.
    """

    def __init__(self, maskers: Sequence[Masker | None], *, sealed: bool = False) -> None:
        columns: i64 = len(maskers)
        self.columns: Final[i64] = columns
        self.sealed: Final = sealed
        self.masked: Final = any(each is not None for each in maskers)
        self.steps: Final = bytes([_step(each) for each in maskers])
        self.ahead: Final = [each is not None and each.batched for each in maskers]
        """By column: whether a buffer's values are masked before its rows are written."""
        self.batched: Final = any(self.ahead)
        self.cells: Final = [_cell(each) for each in maskers]
        self.maskers: Final = [each if each is not None else Masker() for each in maskers]


@final
class CopyPlan:
    """The same for COPY TO STDOUT, with what was bound as `BoundPlan` has it.

    `rows` is how its rows are written, None in binary format, and `header` the whole header row where there is one.
    Of a FIXED column `fields` holds the field and `values` the value; `forced` says which fields are always quoted.
    """

    def __init__(
        self,
        maskers: Sequence[Masker | None],
        binding: Binding,
        layout: CopyLayout,
        names: Sequence[bytes] = (),
        *,
        sealed: bool = False,
    ) -> None:
        columns: i64 = len(maskers)
        self.columns: Final[i64] = columns
        self.sealed: Final = sealed
        self.masked: Final = any(each is not None for each in maskers)
        self.steps: Final = bytes([_step(each) for each in maskers])
        self.rows: Final = row_format(layout, len(maskers))
        self.forced: Final = bytes([_is_forced(name, layout) for name in names])
        self.values: Final = [each.value if each is not None else None for each in maskers]
        self.fields: Final = _fields(maskers, self.rows, self.forced)
        self.header: Final = _header(names, self.rows) if layout.header else None
        self.maskers: Final = [each if each is not None else Masker() for each in maskers]
        self.shown: Final = binding.shown
        self.conflicts: Final = binding.conflicts
        self.unknown: Final = binding.unknown


def row_format(layout: CopyLayout, columns: int) -> RowFormat | None:
    """How rows of `columns` are written in `layout`; None in binary format. InternalError for another format."""
    if layout.format == "binary":
        return None
    delimiter, null = layout.delimiter.encode(), layout.null.encode()
    if layout.format == "csv":
        return CsvFormat(delimiter, null, layout.quote.encode(), layout.escape.encode(), columns)
    if layout.format != "text":
        raise InternalError("a format of COPY that nobody reads")
    return TextFormat(delimiter, null)


def _is_forced(name: bytes, layout: CopyLayout) -> bool:
    return layout.force_quote is None or name.decode(errors="replace") in layout.force_quote


def _fields(maskers: Sequence[Masker | None], rows: RowFormat | None, forced: bytes) -> list[bytes]:
    if rows is None:
        return []
    return [
        rows.encode(each.value, bool(quoted)) if each is not None else b""
        for each, quoted in zip(maskers, forced, strict=True)
    ]


def _header(names: Sequence[bytes], rows: RowFormat | None) -> bytes | None:
    return rows.row([rows.encode(name, False) for name in names]) if rows is not None else None


@final
class Binding:
    """What the witnesses agreed on. `shown` is the mask of each column, None where it is clear."""

    def __init__(self, shown: tuple[Mask | None, ...], conflicts: int, unknown: tuple[int, ...]) -> None:
        self.shown: Final = shown
        self.conflicts: Final = conflicts
        self.unknown: Final = unknown


@final
class BoundPlan:
    """A plan, and what it came from: for the audit log and for whoever watches the witnesses.

    `shown` is each column's mask as it takes effect, None where it is clear. `conflicts` counts the
    columns on which the witnesses contradict each other. `unknown` are OIDs of relations that the
    catalog does not have, each once.
    """

    def __init__(self, plan: MaskPlan, binding: Binding) -> None:
        self.plan: Final = plan
        self.shown: Final = binding.shown
        self.conflicts: Final = binding.conflicts
        self.unknown: Final = binding.unknown


def bind_plan(
    fields: Sequence[Field],
    masks: tuple[Mask | None, ...] | None,
    visibility: Visibility,
    keyring: Keyring = NO_KEYS,
    customs: Customs = NO_CUSTOMS,
) -> BoundPlan:
    """The plan for a portal described by `fields`, as its text (`masks`) and the server both allow.

    `masks` None: the text has no outputs of its own, and a column passes only where the server
    names a known column without a label. Another number of masks than fields: all NULL.
    """
    binding = _bind(fields, masks, visibility)
    making = _Making(visibility.types, keyring, customs)
    maskers = [making.masker(mask, field, field.format) for mask, field in zip(binding.shown, fields, strict=True)]
    return BoundPlan(MaskPlan(maskers), _effective(binding, maskers))


def bind_copy(
    fields: Sequence[Field],
    masks: tuple[Mask | None, ...] | None,
    visibility: Visibility,
    layout: CopyLayout = TEXT,
    *,
    keyring: Keyring = NO_KEYS,
    customs: Customs = NO_CUSTOMS,
) -> CopyPlan:
    """The plan for a COPY TO STDOUT in this layout; `fields` describe a SELECT with the same outputs.

    As `bind_plan`; the fields' formats do not count.
    """
    binding = _bind(fields, masks, visibility)
    code = 1 if layout.format == "binary" else 0
    making = _Making(visibility.types, keyring, customs)
    maskers = [making.masker(mask, field, code) for mask, field in zip(binding.shown, fields, strict=True)]
    return CopyPlan(maskers, _effective(binding, maskers), layout, [field.name for field in fields])


def _bind(fields: Sequence[Field], masks: tuple[Mask | None, ...] | None, visibility: Visibility) -> Binding:
    if visibility.transparent:
        return Binding((None,) * len(fields), 0, ())
    if masks is not None and len(masks) != len(fields):
        return Binding((NULL_MASK,) * len(fields), max(len(masks), len(fields)), _unknown(fields, visibility))
    shown: list[Mask | None] = []
    conflicts = 0
    for ordinal, field in enumerate(fields):
        if masks is None:
            mask = _by_server_alone(field, visibility)
        else:
            mask, conflict = _by_both(masks[ordinal], field, visibility)
            conflicts += conflict
        shown.append(mask)
    return Binding(tuple(shown), conflicts, _unknown(fields, visibility))


def _unknown(fields: Sequence[Field], visibility: Visibility) -> tuple[int, ...]:
    oids = (field.table_oid for field in fields)
    return tuple(dict.fromkeys(oid for oid in oids if oid != 0 and oid not in visibility.known))


def _by_server_alone(field: Field, visibility: Visibility) -> Mask | None:
    if field.table_oid == 0 or field.table_oid not in visibility.known:
        return NULL_MASK
    return visibility.masks.get((field.table_oid, field.column_number))


def _by_both(text: Mask | None, field: Field, visibility: Visibility) -> tuple[Mask | None, int]:
    """The mask that both witnesses leave, and 1 if they contradict each other."""
    if field.table_oid == 0:
        return text, 0  # an expression: the server says nothing
    if field.table_oid not in visibility.known:
        return NULL_MASK, 0
    server = visibility.masks.get((field.table_oid, field.column_number))
    if text is not None and text.kind == ROW:
        # Of a row as a whole the server's word is NULL where any column is masked: which ones, the text says.
        return (text, 0) if field.column_number == 0 and server is not None else (NULL_MASK, 1)
    if text == server:
        return text, 0
    if text is not None and not text.label:
        return text, 0  # the text proved nothing, which contradicts nothing
    if text is None or server is None or text.label != server.label or strength(text.kind) == strength(server.kind):
        # They name different columns: which one comes out is not known, so no mask made for either will do.
        return NULL_MASK, 1
    return (text if strength(text.kind) < strength(server.kind) else server), 1


@final
class _Making:
    """What maskers are made with, besides the mask and the column."""

    def __init__(self, types: Mapping[int, DataType], keyring: Keyring, customs: Customs) -> None:
        self._types: Final = types
        self._keyring: Final = keyring
        self._customs: Final = customs

    def masker(self, mask: Mask | None, field: Field, code: int) -> Masker | None:
        """For a column in that format; None shows it as it is."""
        if mask is None:
            return None
        if mask.kind == "null":
            return Masker()
        shape = shape_of(field.type_oid, field.type_modifier, self._types)
        made = row_masker if mask.kind == ROW else masker
        return made(mask, shape, code, self._keyring, self._customs)


def _effective(binding: Binding, maskers: Sequence[Masker | None]) -> Binding:
    """What is really shown: a mask that the column's type or format cannot carry is NULL, with its label."""
    shown = tuple(
        mask if mask is None or each is None or not each.fixed or each.value is not None else Mask("null", mask.label)
        for mask, each in zip(binding.shown, maskers, strict=True)
    )
    return Binding(shown, binding.conflicts, binding.unknown)


def _step(each: Masker | None) -> int:
    if each is None:
        return CLEAR
    return FIXED if each.fixed else COMPUTED


def _cell(each: Masker | None) -> bytes:
    if each is None or each.value is None:
        return _NULL_CELL
    return len(each.value).to_bytes(4, "big") + each.value


SEALED: Final = MaskPlan((), sealed=True)
"""The plan before any decision: a DataRow under it is a SealedError."""

SEALED_COPY: Final = CopyPlan((), Binding((), 0, ()), TEXT, sealed=True)
"""The same for CopyData."""
