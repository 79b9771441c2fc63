"""Identifiers: `ses_`, `stm_`, `apr_`, `evt_`, `tok_`, `can_`, then a UUIDv7 (RFC 9562 section 5.7) in 32 hex digits.

They sort by time of making, to the millisecond. Clock and randomness are arguments, so that a
test says what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Prefix: TypeAlias = Literal["ses", "stm", "apr", "evt", "tok", "can"]

_FORM: Final = re.compile(r"(ses|stm|apr|evt|tok|can)_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def new_id(prefix: Prefix, clock: Callable[[], float], randbytes: Callable[[int], bytes]) -> str:
    """A new identifier.

    `clock` gives Unix seconds, `randbytes(n)` n unguessable bytes (`secrets.token_bytes`). Raises
    ValueError when the clock is before 1970 or after the year 10889, which 48 bits cannot hold.
    """
    milliseconds = int(clock() * 1000)
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"the clock says {milliseconds} ms, which does not fit a UUIDv7")
    noise = int.from_bytes(randbytes(10), "big")
    random_a, random_b = noise >> 68 & 0xFFF, noise & (1 << 62) - 1
    value = milliseconds << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b
    return f"{prefix}_{value:032x}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Whether `text` is an identifier of that kind, in its one spelling."""
    return text.startswith(prefix) and _FORM.fullmatch(text) is not None
