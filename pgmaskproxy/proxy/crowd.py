"""How many others share the port's limit."""

from __future__ import annotations


class Crowd:
    """How many clients there are in other processes that share the port: here there are none."""

    def here(self, clients: int) -> None:
        """So many are this process's now."""

    def elsewhere(self) -> int:
        """So many are others'."""
        return 0
