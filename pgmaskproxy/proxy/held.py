"""How many requests each principal has open: one more than allowed is refused before anybody is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

Take: TypeAlias = Callable[[str, int], Awaitable[bool]]
"""A principal's name and how many are allowed -> whether one more is open now."""


class Held:
    """This process's. Where several share the work, who counts for all is asked (`workers`): see `everywhere`."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        """All that are open."""
        return sum(self._open.values())

    def of(self, principal: str) -> int:
        """Those of one principal."""
        return self._open.get(principal, 0)

    async def take(self, principal: str, limit: int) -> bool:
        """Count one more, unless so many are open already; whether it was counted."""
        if self.of(principal) >= limit:
            return False
        self._open[principal] = self.of(principal) + 1
        return True

    def give_back(self, principal: str) -> None:
        """One has ended."""
        left = self._open.pop(principal) - 1
        if left:
            self._open[principal] = left
