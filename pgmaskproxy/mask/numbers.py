"""Numbers in both formats, as whole ones: what `generalize` rounds."""

from __future__ import annotations

import math
import struct
from decimal import Decimal, InvalidOperation
from typing import Final

from pgmaskproxy.mask.types import FLOAT4, FLOAT8, INT2, INT4, INT8

LONGEST: Final = 1000
"""Bytes of a number that is read at all: PostgreSQL's may have 131,072 digits."""

_INTEGERS: Final = {INT2: 2, INT4: 4, INT8: 8}
_FLOATS: Final = {FLOAT4: ">f", FLOAT8: ">d"}
_BASE: Final = 10_000
_NEGATIVE: Final = 0x4000
_POSITIVE: Final = 0x0000


def floor_of(value: bytes, family: str, code: int) -> int:
    """The greatest whole number that is not greater. ValueError for NaN and the infinities, for more digits than one
    would have, and for what no server writes."""
    if len(value) > LONGEST:
        raise ValueError("a number of too many digits")
    if code == 0:
        text = value.decode("ascii")
        # A real is written shorter than it is; in binary format it is exact, and one number has one bucket.
        return _floor(text) if family not in _FLOATS else _float_floor(_packed(float(text), family), family)
    if family in _INTEGERS:
        if len(value) != _INTEGERS[family]:
            raise ValueError("not an integer of this size")
        return int.from_bytes(value, "big", signed=True)
    return _float_floor(value, family) if family in _FLOATS else _numeric_floor(value)


def written(number: int, family: str, code: int, scale: int) -> bytes:
    """A whole number as the type writes it; `scale` are a numeric's digits behind its point. What is beyond an
    integer's range is its end. OverflowError for what no float can say."""
    if family in _INTEGERS:
        size = _INTEGERS[family]
        end = 1 << (8 * size - 1)
        number = min(max(number, -end), end - 1)
        return number.to_bytes(size, "big", signed=True) if code == 1 else str(number).encode("ascii")
    if family in _FLOATS:
        packed = _packed(float(number), family)
        return packed if code == 1 else _float_text(packed, family).encode("ascii")
    if code == 0:
        return (f"{number}.{'0' * scale}" if scale else str(number)).encode("ascii")
    return _numeric(number, scale)


def _packed(number: float, family: str) -> bytes:
    return struct.pack(_FLOATS[family], number)


def _float_floor(value: bytes, family: str) -> int:
    if len(value) != struct.calcsize(_FLOATS[family]):
        raise ValueError("not a floating-point number of this size")
    number = float(struct.unpack(_FLOATS[family], value)[0])
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return math.floor(number)


def _float_text(value: bytes, family: str) -> str:
    """In as few digits as it can be read back from, as the server writes it (manual, 8.1.3)."""
    number = float(struct.unpack(_FLOATS[family], value)[0])
    if family == FLOAT4:
        for digits in range(6, 9):
            text = f"{number:.{digits}g}"
            if _packed(float(text), family) == value:
                return text
        return f"{number:.9g}"
    return repr(number).removesuffix(".0")


def _floor(text: str) -> int:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("not a number") from error
    if not number.is_finite() or abs(number.adjusted()) > LONGEST:
        raise ValueError("not a number that can be rounded")
    return math.floor(number)


def _numeric_floor(value: bytes) -> int:
    """numeric_send (src/backend/utils/adt/numeric.c): how many digits to the base of 10000, the weight of the first,
    the sign, the display scale, the digits."""
    if len(value) < 8:
        raise ValueError("not a numeric")
    count, weight, sign, _ = struct.unpack(">HhHH", value[:8])
    if sign not in {_POSITIVE, _NEGATIVE} or len(value) != 8 + 2 * count or abs(weight) > LONGEST:
        raise ValueError("not a finite numeric")
    digits: tuple[int, ...] = struct.unpack(f">{count}H", value[8:])
    whole = 0
    for digit in digits[: weight + 1] if weight >= 0 else ():
        whole = whole * _BASE + digit
    whole *= int(_BASE ** max(weight + 1 - count, 0))
    if sign == _POSITIVE:
        return whole
    return -whole - 1 if any(digits[max(weight + 1, 0) :]) else -whole


def _numeric(number: int, scale: int) -> bytes:
    digits: list[int] = []
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, _BASE)
        digits.append(digit)
    weight = len(digits) - 1 if digits else 0
    kept = digits[::-1]
    while kept and kept[-1] == 0:
        kept.pop()
    sign = _NEGATIVE if number < 0 else _POSITIVE
    return struct.pack(f">HhHH{len(kept)}H", len(kept), weight, sign, scale, *kept)
