"""Identifiers: `ses_`, `stm_`, `apr_`, `evt_`, `tok_`, `can_`, then a UUIDv7 (RFC 9562 section 5.7) in 32 hex digits.

They sort by time of making, to the millisecond. Clock and randomness are arguments, so that a
test says what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, final

Prefix: TypeAlias = Literal["ses", "stm", "apr", "evt", "tok", "can"]

_VARIANT: Final = "89ab"
_DRAWN: Final = 256
_FORM: Final = re.compile(r"(ses|stm|apr|evt|tok|can)_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def new_id(prefix: Prefix, clock: Callable[[], float], randbytes: Callable[[int], bytes]) -> str:
    """A new identifier.

    `clock` gives Unix seconds, `randbytes(n)` n unguessable bytes (`secrets.token_bytes`). Raises
    ValueError when the clock is before 1970 or after the year 10889, which 48 bits cannot hold.
    """
    return f"{prefix}_{_uuid(clock(), randbytes(10))}"


def _uuid(unix: float, noise: bytes) -> str:
    milliseconds = int(unix * 1000)
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"the clock says {milliseconds} ms, which does not fit a UUIDv7")
    text = noise.hex()
    return f"{milliseconds:012x}7{text[:3]}{_VARIANT[noise[1] & 3]}{text[5:20]}"


@final
class Ids:
    """Makes many of them: randomness is drawn for many at once. `clock` and `randbytes` as `new_id`'s."""

    def __init__(self, clock: Callable[[], float], randbytes: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._randbytes = randbytes
        self._noise = b""
        self._at = 0

    def new(self, prefix: Prefix) -> str:
        """A new identifier. Raises ValueError as `new_id`."""
        if self._at == len(self._noise):
            self._noise, self._at = self._randbytes(10 * _DRAWN), 0
        at = self._at
        self._at = at + 10
        return f"{prefix}_{_uuid(self._clock(), self._noise[at : at + 10])}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Whether `text` is an identifier of that kind, in its one spelling."""
    return text.startswith(prefix) and _FORM.fullmatch(text) is not None
