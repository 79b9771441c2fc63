"""How many clients all workers have: a number for each, in memory that they share. Nobody is asked, so nobody waits."""

from __future__ import annotations

import mmap
import os
from typing import Final, final

from pgmaskproxy.config_types import MOST_WORKERS
from pgmaskproxy.proxy.crowd import Crowd

_SIZE: Final = 8
"""Bytes of a number: written at once by all processors there are."""


def make_crowd() -> int:
    """The descriptor of memory for all of them."""
    descriptor = os.memfd_create("crowd", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, _SIZE * (MOST_WORKERS + 1))
    return descriptor


@final
class SharedCrowd(Crowd):
    """As worker `number` sees it. Each counts a client before it asks how many there are, so that of two who come at
    once in two workers one may be refused too many, but none is let in too many."""

    def __init__(self, descriptor: int, number: int) -> None:
        self._memory = mmap.mmap(descriptor, _SIZE * (MOST_WORKERS + 1))
        self._counts = memoryview(self._memory).cast("Q")
        self._number = number

    def here(self, clients: int) -> None:
        """So many are this worker's."""
        self._counts[self._number] = clients

    def elsewhere(self) -> int:
        """So many are others'."""
        return sum(self._counts) - self._counts[self._number]

    def gone(self, number: int) -> None:
        """That worker has ended, with its clients."""
        self._counts[number] = 0

    def close(self) -> None:
        """Let go of the memory."""
        self._counts.release()
        self._memory.close()
