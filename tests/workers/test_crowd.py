"""Clients of all workers, counted in memory that they share."""

from __future__ import annotations

import os

from pgmaskproxy.workers.crowd import SharedCrowd, make_crowd


def test_each_knows_how_many_others_have() -> None:
    memory = make_crowd()
    parent, first, second = (SharedCrowd(memory, number) for number in range(3))
    first.here(3)
    second.here(4)
    assert (first.elsewhere(), second.elsewhere(), parent.elsewhere()) == (4, 3, 7)
    second.here(1)
    assert first.elsewhere() == 1
    parent.gone(1)
    assert (second.elsewhere(), parent.elsewhere()) == (0, 1)
    for each in (parent, first, second):
        each.close()
    os.close(memory)
