"""The list itself, and what it takes for an entry of it to be one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.guards.listing import Guard, load, problems

LEAST = 100
"""Fewer than these would be a list of some."""


def test_every_entry_is_of_this_tree() -> None:
    guards = load()
    assert problems(guards) == []
    assert len(guards) >= LEAST


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pgmaskproxy").mkdir()
    (tmp_path / "pgmaskproxy" / "gate.py").write_text(
        "def may(who):\n    if who != 'ann':\n        return False\n    return True\n"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_gate.py").write_text("class TestGate:\n    def test_who(self):\n        pass\n")
    return tmp_path


GATE = Guard(
    "gate", "gate.py", "who may", "if who != 'ann':", "if False:", ("tests/test_gate.py::TestGate::test_who[x]",)
)


def test_an_entry_as_it_should_be(root: Path) -> None:
    assert problems([GATE], root) == []
    assert GATE.off(root) == {
        "pgmaskproxy/gate.py": "def may(who):\n    if False:\n        return False\n    return True\n"
    }


def test_what_stands_behind_it_is_off_with_it(root: Path) -> None:
    (root / "pgmaskproxy" / "door.py").write_text("LOCKED = True\n")
    layers = replace(GATE, also=(("door.py", "True", "False"), ("gate.py", "return True", "return 1")))
    assert problems([layers], root) == []
    assert layers.off(root) == {
        "pgmaskproxy/gate.py": "def may(who):\n    if False:\n        return False\n    return 1\n",
        "pgmaskproxy/door.py": "LOCKED = False\n",
    }
    assert problems([replace(layers, also=(("door.py", "Locked", ""),))], root) != []


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (replace(GATE, find="if who == 'ann':"), "0 times"),
        (replace(GATE, find="return"), "2 times"),
        (replace(GATE, find=""), "times"),
        (replace(GATE, replace="if"), "invalid syntax"),
        (replace(GATE, replace=GATE.find), "changes nothing"),
        (replace(GATE, file="door.py"), "there is no pgmaskproxy/door.py"),
        (replace(GATE, tests=()), "no test is named"),
        (replace(GATE, tests=("tests/test_gate.py::test_who",)), "there is no test"),
        (replace(GATE, tests=("tests/test_door.py::test_who",)), "there is no test"),
        (replace(GATE, guards=" "), "does not say"),
    ],
)
def test_what_is_wrong_with_an_entry(root: Path, changed: Guard, wrong: str) -> None:
    said = problems([changed], root)
    assert len(said) == 1
    assert wrong in said[0]


def test_an_id_is_one_entrys(root: Path) -> None:
    assert problems([GATE, GATE], root) == ["gate: twice in the list"]


def test_what_is_no_entry_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "guards.toml"
    path.write_text('[[guard]]\nid = "x"\ntests = []\n')
    with pytest.raises(TypeError):
        load(path)
