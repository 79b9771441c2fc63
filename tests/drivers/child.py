"""Work in a child process, for what keeps Python's lock while it waits for a proxy that runs in this very process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable


def in_child(work: Callable[[], object]) -> None:
    """Run it with everything as it is here, and wait."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, of forking with threads
        child = os.fork()
    if child == 0:
        ended = 1
        try:
            work()
            ended = 0
        finally:
            os._exit(ended)
    _, status = os.waitpid(child, 0)
    assert status == 0
