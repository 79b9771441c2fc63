"""Attacks in several steps: nothing labelled is sent in any form, each step ends as it must, the twins are alike."""

from __future__ import annotations

import pytest

from tests.corpus.asked import ALL, protocols
from tests.corpus.play import FILES, Play, plays, problems
from tests.corpus.world import World

PLAYS = [pytest.param(play, id=f"{path.stem}: {play.name}") for path in FILES for play in plays(path)]
LEAST = 50


def test_there_are_enough_of_them() -> None:
    assert len(PLAYS) >= LEAST


def test_their_names_are_their_own() -> None:
    names = [param.id for param in PLAYS]
    assert len(names) == len(set(names))


def test_where_the_twins_may_differ_it_says_why() -> None:
    assert [play.name for path in FILES for play in plays(path) if not play.alike and not play.why] == []


@pytest.mark.parametrize("play", PLAYS)
def test_script(world: World, play: Play) -> None:
    asked = play.protocols if ALL else tuple(p for p in play.protocols if p in protocols(world.major))
    found = [problem for protocol in asked or play.protocols for problem in problems(world, play, protocol)]
    assert found == []
