"""The runner tells a guard that is tested from one that is not; and five of the real ones, for CI."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.guards.listing import Guard, load
from tests.guards.running import Result, Verdict, Workshop, switch_off, untouched

SEED = 3
SAMPLE = 5

GATE = Guard("gate", "gate.py", "who may", "who == 'ann'", "True", ("test_gate.py::test_bob",))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pgmaskproxy").mkdir()
    (tmp_path / "pgmaskproxy" / "__init__.py").write_text("")
    (tmp_path / "pgmaskproxy" / "gate.py").write_text("def may(who):\n    return who == 'ann'\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_gate.py").write_text(
        "import time\n"
        "from pgmaskproxy.gate import may\n"
        "def test_ann():\n    assert may('ann')\n"
        "def test_bob():\n    assert not may('bob')\n"
        "def test_slow():\n    time.sleep(60)\n"
    )
    return tmp_path


def _gate(test: str) -> Guard:
    return replace(GATE, tests=(f"tests/test_gate.py::{test}",))


def test_what_becomes_of_a_guard(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    workshop = Workshop(tmp_path_factory.mktemp("copy"), root)
    assert workshop.without(_gate("test_bob")).verdict is Verdict.KILLED
    assert workshop.without(_gate("test_ann")).verdict is Verdict.SURVIVED
    assert workshop.without(_gate("test_nobody")).verdict is Verdict.BROKEN
    assert workshop.without(replace(_gate("test_bob"), replace="(")).verdict is Verdict.BROKEN
    assert workshop.without(replace(_gate("test_bob"), find="who != 'ann'")).verdict is Verdict.STALE
    assert workshop.without(_gate("test_slow"), seconds=2).verdict is Verdict.BROKEN
    assert workshop.run(("tests/test_gate.py::test_bob",))[0] == 0, "each is put back"


def test_the_tree_itself_is_not_touched(root: Path) -> None:
    before = (root / "pgmaskproxy" / "gate.py").read_text()
    seen: list[Result] = []
    results = switch_off([_gate("test_bob"), _gate("test_ann")], 2, seen.append, root)
    assert [result.verdict for result in results] == [Verdict.KILLED, Verdict.SURVIVED]
    assert len(seen) == len(results)
    assert (root / "pgmaskproxy" / "gate.py").read_text() == before


def test_tests_that_fail_anyway_are_found(root: Path) -> None:
    assert untouched([_gate("test_ann"), _gate("test_bob")], root)[0] == 0
    (root / "pgmaskproxy" / "gate.py").write_text("def may(who):\n    return True\n")
    assert untouched([_gate("test_ann"), _gate("test_bob")], root)[0] == 1


def test_a_sample_of_the_list() -> None:
    """The whole of it is `make guards`; this says that list and runner work together."""
    sample = random.Random(SEED).sample(load(), SAMPLE)
    results = switch_off(sample, 2, lambda _result: None)
    assert [
        (result.guard.id, result.verdict, result.said) for result in results if result.verdict is not Verdict.KILLED
    ] == []
