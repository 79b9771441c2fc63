"""Failures counted per person and per address, so that guessing a password takes years and a lockout seconds.

An attempt is counted before the (slow) check of the password and given back after a success, so that
many at once cannot pass the limit together. Time comes in; nothing here reads a clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `failures` within `seconds`."""

    failures: int
    seconds: float


PAIR: Final = Limit(5, 300.0)
"""One person from one address."""

ADDRESS: Final = Limit(30, 300.0)
"""All persons from one address."""

PERSON: Final = Limit(50, 3600.0)
"""One person from all addresses: a distributed guess gets 50 tries an hour."""

KEYS: Final = 20_000
"""Most keys remembered; the one unused the longest is forgotten first."""


@final
class Throttle:
    """Sliding windows of failures by key."""

    def __init__(self, keys: int = KEYS) -> None:
        self._keys = keys
        self._failures: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def attempt(self, person: str, address: str, now: float) -> float:
        """Counts an attempt as failed until `succeeded`; returns 0.0, or the seconds to wait when it is one too many
        (then it is not counted, and no credential may be looked at)."""
        scopes = self._scopes(person, address)
        wait = max(self._wait(key, limit, now) for key, limit in scopes)
        if wait > 0.0:
            return wait
        for key, limit in scopes:
            window = self._failures.setdefault(key, deque(maxlen=limit.failures))
            window.append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > self._keys:
            self._failures.popitem(last=False)
        return 0.0

    def succeeded(self, person: str, address: str, at: float) -> None:
        """Gives the attempt made at `at` back, and forgives this person at this address."""
        pair, *others = self._scopes(person, address)
        self._failures.pop(pair[0], None)
        for key, _limit in others:
            window = self._failures.get(key)
            if window is not None and at in window:
                window.remove(at)

    def __len__(self) -> int:
        return len(self._failures)

    def _wait(self, key: tuple[str, ...], limit: Limit, now: float) -> float:
        window = self._failures.get(key)
        if window is None:
            return 0.0
        while window and window[0] <= now - limit.seconds:
            window.popleft()
        if not window:
            del self._failures[key]
            return 0.0
        return window[0] + limit.seconds - now if len(window) >= limit.failures else 0.0

    @staticmethod
    def _scopes(person: str, address: str) -> Sequence[tuple[tuple[str, ...], Limit]]:
        return ((("pair", person, address), PAIR), (("address", address), ADDRESS), (("person", person), PERSON))
