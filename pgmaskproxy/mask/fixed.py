"""`redact` and `zero`: one value of the type for every value, in text and in binary format."""

from __future__ import annotations

import json
from typing import Final, final

from pgmaskproxy.mask.masker import Kind, Masker, fitted
from pgmaskproxy.mask.money import zero_money
from pgmaskproxy.mask.typed import bytea_value, json_value
from pgmaskproxy.mask.types import (
    BOOL,
    BPCHAR,
    BYTEA,
    CIDR,
    DATE,
    ENUM,
    FLOAT4,
    FLOAT8,
    INET,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    MONEY,
    NAME,
    NUMERIC,
    TEXTS,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UUID,
    XML,
    Shape,
)

_ZEROS: Final[dict[str, tuple[bytes, bytes]]] = {
    BOOL: (b"f", bytes(1)),
    BYTEA: (b"\\x", b""),
    INT2: (b"0", bytes(2)),
    INT4: (b"0", bytes(4)),
    INT8: (b"0", bytes(8)),
    FLOAT4: (b"0", bytes(4)),
    FLOAT8: (b"0", bytes(8)),
    DATE: (b"2000-01-01", bytes(4)),
    TIME: (b"00:00:00", bytes(8)),
    TIMETZ: (b"00:00:00+00", bytes(12)),
    TIMESTAMP: (b"2000-01-01 00:00:00", bytes(8)),
    TIMESTAMPTZ: (b"2000-01-01 00:00:00+00", bytes(8)),
    UUID: (b"00000000-0000-0000-0000-000000000000", bytes(16)),
    INET: (b"0.0.0.0", b"\x02\x20\x00\x04" + bytes(4)),
    CIDR: (b"0.0.0.0/0", b"\x02\x00\x01\x04" + bytes(4)),
    JSON: (b"null", b"null"),
    JSONB: (b"null", b"\x01null"),
    XML: (b"", b""),
}
"""By family: what nothing is, in text and in binary format. PostgreSQL's own epoch is 2000-01-01."""


@final
class Redact(Kind):
    """One text for every value."""

    def __init__(self, shown: str) -> None:
        self.shown: Final = shown

    def show(self, text: str) -> str | None:
        return self.shown

    def recognises(self, text: str) -> bool:
        return text.strip() == self.shown.strip()


@final
class Zero(Kind):
    """The empty text."""

    def show(self, text: str) -> str | None:
        return ""


def redacted(shown: str, shape: Shape, code: int) -> Masker:
    """`redact` for a column that can carry a text."""
    family = shape.family
    if family in TEXTS:
        return Masker(value=_text(shown, shape))
    if family == BYTEA:
        return Masker(value=bytea_value(shown.encode("utf-8"), code))
    if family in {JSON, JSONB}:
        return Masker(value=json_value(json.dumps(shown), family, code))
    if family == XML:
        return Masker(value=_escaped(shown).encode("utf-8"))
    return Masker()


def zeroed(shape: Shape, code: int) -> Masker:
    """`zero` for a column of any type whose values are known; NULL else."""
    family = shape.family
    if family in TEXTS:
        return Masker(value=_text("", shape))
    if family == ENUM and shape.first:
        return Masker(value=shape.first.encode("utf-8"))
    if family == NUMERIC:
        return Masker(value=_zero_numeric(max(shape.scale, 0), code))
    if family == INTERVAL:
        return Masker(value=bytes(16)) if code == 1 else ZeroInterval()
    if family == MONEY:
        return Masker(value=bytes(8)) if code == 1 else ZeroMoney()
    values = _ZEROS.get(family)
    return Masker() if values is None else Masker(value=values[code])


def _text(text: str, shape: Shape) -> bytes | None:
    if shape.limit < 0:
        return text.encode("utf-8")
    padded = shape.family == BPCHAR
    return fitted(text, shape.limit, cut=True, by_bytes=shape.family == NAME, padded=padded)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _zero_numeric(scale: int, code: int) -> bytes:
    if code == 1:
        return bytes(6) + scale.to_bytes(2, "big")
    return b"0." + b"0" * scale if scale else b"0"


@final
class ZeroInterval(Masker):
    """No time at all, in the style in which the session writes intervals: its clients read no other."""

    def __init__(self) -> None:
        super().__init__(fixed=False)

    def mask(self, value: bytes) -> bytes | None:
        if value.startswith(b"P"):
            return b"PT0S"
        return b"@ 0" if value.startswith(b"@") else b"00:00:00"


@final
class ZeroMoney(Masker):
    """No money, as the server's locale writes it."""

    def __init__(self) -> None:
        super().__init__(fixed=False)

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what has no digit in it."""
        return zero_money(value)
