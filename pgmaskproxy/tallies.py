"""Counters and histograms that cost next to nothing to feed: what is counted for every statement or read.

They are called as the metrics library's own are; `metrics` hands them to that library when somebody asks for the page.
Compiled, and without a lock: an addition is done before the interpreter lets another thread go on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import final


@final
class Tally:
    """One counter."""

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Add to it."""
        self.value += amount


@final
class Tallies:
    """One counter for each combination of label values; without labels, one."""

    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self.name = name
        self.about = about
        self.names = tuple(labels)
        self.children: dict[tuple[str, ...], Tally] = {}
        self._only = Tally()
        if not labels:
            self.children[()] = self._only

    def labels(self, *values: str) -> Tally:
        """The counter of these label values, in their order. ValueError where they are not as many as the names."""
        found = self.children.get(values)
        if found is None:
            if len(values) != len(self.names) or not self.names:
                raise ValueError(f"{self.name} has the labels {self.names}")
            found = self.children[values] = Tally()
        return found

    def inc(self, amount: int = 1) -> None:
        """Add to the one counter without labels."""
        if self.names:
            raise ValueError(f"{self.name} has the labels {self.names}")
        self._only.value += amount


@final
class Spread:
    """One histogram: how many values fell into each bucket, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = list(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count it into the first bucket whose upper bound is not less."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Upper bounds as text, and how many values were not above each."""
        total, found = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


@final
class Spreads:
    """One histogram for each combination of label values."""

    def __init__(self, name: str, about: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self.name = name
        self.about = about
        self.names = tuple(labels)
        self.children: dict[tuple[str, ...], Spread] = {}
        self._bounds = tuple(float(bound) for bound in bounds)

    def labels(self, *values: str) -> Spread:
        """The histogram of these label values, in their order. ValueError where they are not as many as the names."""
        found = self.children.get(values)
        if found is None:
            if len(values) != len(self.names):
                raise ValueError(f"{self.name} has the labels {self.names}")
            found = self.children[values] = Spread(self._bounds)
        return found
