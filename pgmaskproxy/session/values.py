"""Binary forms of times, intervals, addresses and arrays in words, as their *_send functions write them.

Each function takes all of a value and raises ValueError or struct.error for what its type's *_recv would not take:
the caller then shows the bytes as they are. Two different values never give the same words.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import Final

DAY: Final = 86_400_000_000
"""Microseconds; a time may be all of it (24:00:00)."""

DIMENSIONS: Final = 6
"""MAXDIM."""


def time_text(value: bytes) -> str:
    """time_send: microseconds since midnight."""
    (microseconds,) = struct.unpack("!q", value)
    if not 0 <= microseconds <= DAY:
        raise ValueError("not a time of day")
    return _clock(microseconds)


def timetz_text(value: bytes) -> str:
    """timetz_send: as `time_text`, then the zone in seconds *west* of Greenwich."""
    microseconds, west = struct.unpack("!qi", value)
    if not 0 <= microseconds <= DAY or abs(west) >= 16 * 3600:
        raise ValueError("not a time of day with a zone")
    east = abs(west)
    return f"{_clock(microseconds)}{'-' if west > 0 else '+'}{east // 3600:02}:{east // 60 % 60:02}:{east % 60:02}"


def interval_text(value: bytes) -> str:
    """interval_send: microseconds, days and months, which are three amounts: no month has a length."""
    microseconds, days, months = struct.unpack("!qii", value)
    return f"{months} months {days} days {'-' if microseconds < 0 else ''}{_clock(abs(microseconds))}"


def inet_text(value: bytes, *, cidr: bool) -> str:
    """inet_send and cidr_send: family (2 or 3), bits, whether it is a cidr, length, address."""
    family, bits, is_cidr, length = struct.unpack("!BBBB", value[:4])
    address = value[4:]
    if (family, length) not in {(2, 4), (3, 16)} or len(address) != length or bits > 8 * length or is_cidr != cidr:
        raise ValueError("not an address")
    return f"{ipaddress.ip_address(address)}/{bits}"


def array_text(value: bytes, element: int, decode: Callable[[bytes], str]) -> str:
    """array_send: dimensions, flags, the elements' type, each dimension's length and lower bound, the elements.

    As PostgreSQL writes it, with every element but NULL quoted, and with bounds only where they are not from 1.
    """
    dimensions, flags, oid = struct.unpack("!iiI", value[:12])
    if not 0 <= dimensions <= DIMENSIONS or flags not in (0, 1) or oid != element:
        raise ValueError("not an array of this type")
    numbers = struct.unpack(f"!{2 * dimensions}i", value[12 : 12 + 8 * dimensions])
    lengths: list[int] = list(numbers[::2])
    bounds: list[int] = list(numbers[1::2])
    elements = _elements(value[12 + 8 * dimensions :], decode)
    expected = 1 if dimensions else 0
    for length in lengths:
        if length < 1:
            raise ValueError("an empty array has no dimensions")
        expected *= length
    if len(elements) != expected:
        raise ValueError("there are not as many elements as there are said to be")
    for length in reversed(lengths):
        elements = ["{" + ",".join(elements[at : at + length]) + "}" for at in range(0, len(elements), length)]
    plain = all(bound == 1 for bound in bounds)
    prefix = (
        "" if plain else "".join(f"[{low}:{low + size - 1}]" for low, size in zip(bounds, lengths, strict=True)) + "="
    )
    return prefix + (elements[0] if elements else "{}")


def _elements(rest: bytes, decode: Callable[[bytes], str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(rest):
        (size,) = struct.unpack("!i", rest[at : at + 4])
        at += 4
        if size == -1:
            found.append("NULL")
            continue
        if not 0 <= size <= len(rest) - at:
            raise ValueError("an element's length is not its own")
        text = decode(rest[at : at + size]).replace("\\", "\\\\").replace('"', '\\"')
        found.append(f'"{text}"')
        at += size
    return found


def _clock(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{shown}.{fraction:06}" if fraction else shown
