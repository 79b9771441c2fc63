"""Which part of the corpora runs: a good one, or with CORPUS=all in the environment all of it (`make corpus`)."""

from __future__ import annotations

import os
from typing import Final

from tests.corpus.run import PROTOCOLS

ALL: Final = os.environ.get("CORPUS") == "all"


def protocols(major: int) -> tuple[str, ...]:
    """By default one on each server: the two that have the least in common."""
    if ALL:
        return PROTOCOLS
    return ("simple",) if major == 15 else ("binary",)
