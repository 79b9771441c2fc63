"""Bound parameters in words, for the person who approves and for the digest an approval is bound to.

Text format is what it says; of binary the common types are decoded, the rest is shown as bytea's
hex, so that two different values never look the same (manual, "Formats and Format Codes").
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pgmaskproxy.model import Parameter
from pgmaskproxy.session.values import array_text, inet_text, interval_text, time_text, timetz_text
from pgmaskproxy.wire.frontend import Bind

BOOL, BYTEA, INT8, INT2, INT4, OID, TEXT = 16, 17, 20, 21, 23, 26, 25
FLOAT4, FLOAT8, UNKNOWN, BPCHAR, VARCHAR, NAME, UUID, JSON = 700, 701, 705, 1042, 1043, 19, 2950, 114


DATE, TIMESTAMP, TIMESTAMPTZ, NUMERIC, JSONB = 1082, 1114, 1184, 1700, 3802
TIME, TIMETZ, INTERVAL, INET, CIDR = 1083, 1266, 1186, 869, 650

_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - PostgreSQL's own epoch; the zone is said where there is one


def _date(value: bytes) -> str:
    days: int = struct.unpack("!i", value)[0]
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def _timestamp(value: bytes) -> str:
    microseconds: int = struct.unpack("!q", value)[0]
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(sep=" ")


def _numeric(value: bytes) -> str:
    """numeric_send: number of base-10000 digits, weight of the first, sign, display scale, digits."""
    count, weight, sign, scale = struct.unpack("!HhHH", value[:8])
    digits: tuple[int, ...] = struct.unpack(f"!{count}H", value[8:])
    if sign not in (0x0000, 0x4000):
        return {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}[sign]
    if abs(weight) > 1000 or any(digit > 9999 for digit in digits):
        raise ValueError("not a numeric of ordinary size")
    whole = 4 * (weight + 1)  # decimal digits before the point
    written = "0" * -whole + "".join(f"{digit:04}" for digit in digits)
    integer = written[: max(whole, 0)].ljust(whole, "0").lstrip("0") or "0"
    # As numeric_recv cuts digits beyond the display scale.
    fraction = written[max(whole, 0) :][:scale].ljust(scale, "0")
    return f"{'-' if sign else ''}{integer}{'.' if scale else ''}{fraction}"


def _jsonb(value: bytes) -> str:
    if value[:1] != b"\x01":
        raise ValueError("not version 1 of jsonb's binary format")
    return value[1:].decode("utf-8")


def _utf8(value: bytes) -> str:
    return value.decode("utf-8")


def _struct(shape: str) -> Callable[[bytes], str]:
    return lambda value: str(struct.unpack(shape, value)[0])


_DECODERS: Final[dict[int, Callable[[bytes], str]]] = {
    BOOL: lambda value: {b"\x00": "false", b"\x01": "true"}[value],
    INT2: _struct("!h"),
    INT4: _struct("!i"),
    INT8: _struct("!q"),
    OID: _struct("!I"),
    FLOAT4: _struct("!f"),
    FLOAT8: _struct("!d"),
    UUID: lambda value: str(uuid.UUID(bytes=value)),
    TEXT: _utf8,
    VARCHAR: _utf8,
    BPCHAR: _utf8,
    NAME: _utf8,
    UNKNOWN: _utf8,
    JSON: _utf8,
    JSONB: _jsonb,
    DATE: _date,
    TIMESTAMP: _timestamp,
    TIMESTAMPTZ: lambda value: _timestamp(value) + "+00",
    NUMERIC: _numeric,
    TIME: time_text,
    TIMETZ: timetz_text,
    INTERVAL: interval_text,
    INET: partial(inet_text, cidr=False),
    CIDR: partial(inet_text, cidr=True),
}

ARRAYS: Final = {
    1000: BOOL,
    1005: INT2,
    1007: INT4,
    1016: INT8,
    1028: OID,
    1021: FLOAT4,
    1022: FLOAT8,
    1231: NUMERIC,
    1009: TEXT,
    1015: VARCHAR,
    1014: BPCHAR,
    1003: NAME,
    199: JSON,
    3807: JSONB,
    2951: UUID,
    1182: DATE,
    1115: TIMESTAMP,
    1185: TIMESTAMPTZ,
    1183: TIME,
    1270: TIMETZ,
    1187: INTERVAL,
    1041: INET,
    651: CIDR,
}
"""Types of arrays, and of their elements."""


def decode_parameters(bind: Bind | None, types: tuple[int, ...]) -> tuple[Parameter, ...]:
    """The parameters of a Bind by number; `types` are the server's own, from ParameterDescription."""
    if bind is None:
        return ()
    decoded = []
    for number, value in enumerate(bind.parameters):
        oid = types[number] if number < len(types) else 0
        text = None if value is None else _decode(value, oid, _format(bind, number))
        decoded.append(Parameter(number + 1, oid, text))
    return tuple(decoded)


def _format(bind: Bind, number: int) -> int:
    formats = bind.parameter_formats
    if not formats:
        return 0
    return formats[0] if len(formats) == 1 else formats[number] if number < len(formats) else 1


def _decode(value: bytes, type_oid: int, code: int) -> str:
    decoder = _utf8 if code == 0 else _DECODERS.get(type_oid)
    if decoder is None and type_oid in ARRAYS:
        element = ARRAYS[type_oid]
        decoder = partial(array_text, element=element, decode=_DECODERS[element])
    if decoder is not None:
        try:
            return decoder(value)
        except (struct.error, ValueError, KeyError, OverflowError, ArithmeticError):
            # Not what its type says; the server will refuse it. Shown as the bytes it is.
            return "\\x" + value.hex()
    return "\\x" + value.hex()
