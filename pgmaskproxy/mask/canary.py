"""Canaries: values that no honest answer contains, looked for in what is about to be sent (DESIGN decision 8).

A canary is planted in a labelled column. Its value in bytes that nobody is cleared for means that a label is missing
or a guard has a hole. `Watch` finds any of many values in one pass, `Watcher` does it over a stream.

Compiled, it is one pass whatever their number: three bytes are hashed, and a table says how far the next place is
where a value could end (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994), so that most bytes are
never read. Interpreted, it is a search for each. `python bench/canary.py` says how fast both are.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final, final

from mypy_extensions import i64

SHORTEST: Final = 11
"""Characters of a value (an SSN with its hyphens has them); a shorter one would be met by accident."""
LEAST_DIGITS: Final = 15
"""Of a value of digits alone: shorter numbers are ids, times and amounts."""
FORM: Final = 12
"""Bytes below which another spelling of a value is not looked for."""
ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._-+ ")
"""What a value is made of: characters that JSON, XML, CSV, arrays, records and COPY all write as they are."""

_TABLE: Final = 1 << 16
_LONGEST_STEP: Final = 255


def unfit(value: str) -> str:
    """Why `value` cannot be a canary; '' when it can."""
    strange = sorted(set(value) - ALPHABET)
    if strange:
        return (
            f"{strange[0]!r} is written in several ways (JSON, COPY, arrays): use letters, digits and @ . _ - + space"
        )
    if value != value.strip():
        return "spaces at an end are cut off in places"
    if len(value) < SHORTEST:
        return f"shorter than {SHORTEST} characters, it would be met by accident"
    if value.isdecimal() and len(value) < LEAST_DIGITS:
        return f"a number of less than {LEAST_DIGITS} digits would be met by accident"
    return ""


def forms(value: str) -> tuple[bytes, ...]:
    """The byte strings that `value` is looked for as, in any case of their letters, each once.

    As it is; without its separators; as 16 bytes where it is a UUID and as 8 where it is a bigint, which binary
    results have; in hexadecimal (bytea's text); in base64, at each of the three places a value can begin at in a
    group of three bytes.
    """
    raw = value.encode("ascii")
    bare = bytes(byte for byte in raw if byte not in b" .-_+")
    found = [raw, bare, raw.hex().encode()]
    for skipped in range(3):
        whole = raw[skipped : skipped + (len(raw) - skipped) // 3 * 3]
        found.append(base64.b64encode(whole))
    kept = [raw, *(form for form in found if len(form) >= FORM)]
    if _is_uuid(value):
        kept.append(bytes.fromhex(bare.decode()))
    elif value.isdecimal() and 1 << 62 <= int(value) < 1 << 63:
        kept.append(int(value).to_bytes(8, "big"))
    return tuple(dict.fromkeys(kept))


def _is_uuid(value: str) -> bool:
    parts = value.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and not set("".join(parts).lower()) - set(
        "0123456789abcdef"
    )


@final
class Watch:
    """What is looked for: immutable, and shared by every session. Made of (id, value) pairs, at least one."""

    def __init__(self, canaries: Iterable[tuple[str, str]]) -> None:
        """ValueError for none, or for a value that is `unfit`."""
        needles: list[tuple[bytes, str]] = []
        for name, value in canaries:
            reason = unfit(value)
            if reason:
                raise ValueError(reason)
            needles += [(form.lower(), name) for form in forms(value)]
        if not needles:
            raise ValueError("there is nothing to look for")
        shortest = min(len(needle) for needle, _ in needles)
        shifts = bytearray([min(shortest - 2, _LONGEST_STEP)]) * _TABLE
        windows: dict[bytes, list[tuple[bytes, str]]] = {}
        for needle, name in needles:
            # Of the first `shortest` bytes, each three say how far their end is from the window's.
            for at in range(shortest - 2):
                place = ((needle[at] | 32) ^ (needle[at + 1] | 32) << 4 ^ (needle[at + 2] | 32) << 9) & 0xFFFF
                shifts[place] = min(shifts[place], shortest - 3 - at)
            windows.setdefault(needle[:shortest], []).append((needle, name))
        self.shortest: Final[i64] = shortest
        self.longest: Final = max(len(needle) for needle, _ in needles)
        """Bytes of the longest form: what a stream has to keep is one less."""
        self._shifts: Final = bytes(shifts)
        self._windows: Final = windows
        self._needles: Final = needles
        self._interpreted: Final = hasattr(unfit, "__code__")

    def find(self, data: bytes) -> str:
        """The id of a canary in `data`, '' when there is none."""
        return self._search(data) if self._interpreted else self._skip_through(data)

    def _search(self, data: bytes) -> str:
        """One search for each form: the time grows with their number, but none of it is spent in Python."""
        lower = data.lower()
        for needle, name in self._needles:
            if needle in lower:
                return name
        return ""

    def _skip_through(self, data: bytes) -> str:
        size: i64 = len(data)
        width: i64 = self.shortest
        shifts = self._shifts
        end: i64 = width - 1  # of the window: its last byte
        while end < size:
            # `| 32` folds the case of letters, and folds other bytes together too: that is only a filter.
            place: i64 = (
                (i64(data[end - 2]) | 32) ^ (i64(data[end - 1]) | 32) << 4 ^ (i64(data[end]) | 32) << 9
            ) & 0xFFFF
            step = i64(shifts[place])
            if step != 0:
                end += step
                continue
            begin: i64 = end - width + 1
            for needle, name in self._windows.get(data[begin : end + 1].lower(), ()):
                if data[begin : begin + len(needle)].lower() == needle:
                    return name
            end += 1
        return ""


@final
class Watcher:
    """One stream, looked through as it is sent: a value may lie across any number of writes."""

    def __init__(self, watch: Watch) -> None:
        self.watch: Final = watch
        self._tail = b""

    def scan(self, data: bytes) -> str:
        """The id of a canary that is whole once `data` has been sent, '' when there is none."""
        watch = self.watch
        keep = watch.longest - 1
        found = watch.find(self._tail + data[:keep]) if self._tail else ""
        if not found:
            found = watch.find(data)
        self._tail = data[-keep:] if len(data) >= keep else (self._tail + data)[-keep:]
        return found

    def skip(self) -> None:
        """Something was sent that is not looked through: what comes next continues nothing."""
        self._tail = b""
