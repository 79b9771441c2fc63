"""Ordinary work passes: what touches no labelled column is neither refused nor held, and answered as directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.asked import ALL, protocols
from tests.corpus.ordinary import FILES, cases, concerns, differences
from tests.corpus.world import World

LEAST = 300
"""Statements that each server is asked."""


@pytest.mark.parametrize("major", [15, 18])
def test_there_are_enough_of_them(major: int) -> None:
    assert sum(len(cases(path)) for path in FILES if concerns(path, major)) >= LEAST


def test_what_is_refused_though_it_touches_no_labelled_column_says_why() -> None:
    silent = [
        case.sql for path in FILES for case in cases(path) if case.expected in {"held", "refused"} and not case.why
    ]
    assert silent == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_ordinary_work_passes(shop_and_warehouse: World, path: Path) -> None:
    world = shop_and_warehouse
    if not concerns(path, world.major):
        pytest.skip("what another version's tools send")
    for protocol in protocols(world.major):
        wrong = differences(world, path, protocol)
        assert [(found.what, found.case.sql) for found in wrong] == [], protocol


def test_by_the_text_alone(by_text_alone: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What it costs to do without the server's tree; nothing is shown that must be masked all the same."""
    world, needless, all_of_them, shown = by_text_alone, 0, 0, []
    if world.major == 15 and not ALL:
        pytest.skip("the text is read alike for both: one is enough")
    for path in FILES:
        if concerns(path, world.major):
            found = differences(world, path, "simple")
            all_of_them += len(cases(path))
            needless += sum(each.needless for each in found)
            shown += [each.case.sql for each in found if each.case.labelled and "is shown" in each.what]
    with capsys.disabled():
        print(f" [attestation off: {needless} of {all_of_them} ordinary statements are stopped]", end="")  # noqa: T201
    assert shown == []
