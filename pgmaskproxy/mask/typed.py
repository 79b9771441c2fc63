"""Keyed kinds for types that are no texts: the answer in the type's own values, text and binary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from pgmaskproxy.mask.keyed import Digest, KeyedUuid, uuid_text
from pgmaskproxy.mask.masker import Kind, Masker
from pgmaskproxy.mask.types import BYTEA, INT2, INT4, INT8, JSONB, UUID

_SIZES: Final = {INT2: 2, INT4: 4, INT8: 8}
_HEX_FORMAT: Final = b"\\x"
JSONB_VERSION: Final = b"\x01"


def text_reader(family: str, code: int) -> Callable[[bytes], bytes]:
    """What a value's text is, of a family that keyed kinds know, in this format. It raises ValueError for what no
    server writes."""
    if family == BYTEA:
        return _same if code == 1 else _unhexed
    if code == 0:
        return _same
    if family in _SIZES:
        return _integer_text
    if family == UUID:
        return _uuid_text
    if family == JSONB:
        return _jsonb_text
    return _same


def _same(value: bytes) -> bytes:
    return value


def _unhexed(value: bytes) -> bytes:
    """bytea's hex format (manual, 8.4.1). A server that is set to the older one is not understood."""
    if not value.startswith(_HEX_FORMAT):
        raise ValueError("not bytea in hex format")
    return bytes.fromhex(value[2:].decode("ascii"))


def _integer_text(value: bytes) -> bytes:
    return str(int.from_bytes(value, "big", signed=True)).encode("ascii")


def _uuid_text(value: bytes) -> bytes:
    if len(value) != 16:
        raise ValueError("not a UUID")
    return uuid_text(value).encode("ascii")


def _jsonb_text(value: bytes) -> bytes:
    if value[:1] != JSONB_VERSION:
        raise ValueError("not version 1 of jsonb's binary format")
    return value[1:]


def bytea_value(value: bytes, code: int) -> bytes:
    """A bytea of those bytes."""
    return value if code == 1 else _HEX_FORMAT + value.hex().encode("ascii")


def json_value(text: str, family: str, code: int) -> bytes:
    """json or jsonb of that text, which is JSON."""
    raw = text.encode("utf-8")
    return JSONB_VERSION + raw if family == JSONB and code == 1 else raw


@final
class UuidMasker(Masker):
    """A keyed UUID for a column of type uuid."""

    def __init__(self, kind: KeyedUuid, code: int) -> None:
        super().__init__(fixed=False)
        self.kind: Final = kind
        self.binary: Final = code == 1

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        try:
            made = self.kind.made(_uuid_text(value) if self.binary else value)
        except ValueError:
            return None
        return made if self.binary else uuid_text(made).encode("ascii")


@final
class HashedInteger(Masker):
    """A keyed hash as a positive number of the column's own size: 31 bits of integer meet by accident among some ten
    thousands of values, 63 of bigint among thousands of millions."""

    def __init__(self, digest: Digest, family: str, code: int) -> None:
        super().__init__(fixed=False)
        self.digest: Final = digest
        self.size: Final = _SIZES[family]
        self.binary: Final = code == 1

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        if self.binary and len(value) != self.size:
            return None
        digest = self.digest.of(_integer_text(value) if self.binary else value)
        number = int.from_bytes(digest[: self.size], "big") >> 1
        return number.to_bytes(self.size, "big") if self.binary else str(number).encode("ascii")


@final
class ByteaMasker(Masker):
    """A keyed kind for bytea: its text's own bytes. A hash is of the bytes, as that of a text is of its UTF-8."""

    def __init__(self, kind: Kind, code: int) -> None:
        super().__init__(fixed=False)
        self.kind: Final = kind
        self.code: Final = code
        self.read: Final = text_reader(BYTEA, code)

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        try:
            shown = self.kind.show_bytes(self.read(value))
        except ValueError:
            return None
        return None if shown is None else bytea_value(shown.encode("ascii"), self.code)


@final
class WholeJson(Masker):
    """A kind for json and jsonb as a whole: a JSON string of what it makes of the value's text."""

    def __init__(self, kind: Kind, family: str, code: int) -> None:
        super().__init__(fixed=False)
        self.kind: Final = kind
        self.family: Final = family
        self.code: Final = code
        self.read: Final = text_reader(family, code)

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        try:
            shown = self.kind.show(self.read(value).decode("utf-8"))
        except ValueError:
            return None
        # What keyed kinds make needs no escapes.
        return None if shown is None else json_value(f'"{shown}"', self.family, self.code)
