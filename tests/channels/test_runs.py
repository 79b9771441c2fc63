"""Text as runs: nothing that means something to anybody is whole in any of them, and together they say the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.visible import visible
from pgmaskproxy.channels.runs import ISOLATE, NO_BREAK, POP, WORD_JOINER, isolated, plain_runs

WHOLE = re.compile(
    r"\]\(|\]\[|\]:|!\[|\{\{|\}\}|\$\{|//|<.|&.|\\."
    r"|\*[^*]+\*|_[^_]+_|~[^~]+~|`[^`]+`"
    r"|^[ \t]*(?:[#>=+\-:|*_~`]|\d+[.)](?:\s|$))",
    re.DOTALL | re.MULTILINE,
)
MARKS = st.text(alphabet="[]()!{}$/<&\\*_~`#>=+-:|1.) \n\tab", max_size=40)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("[x](https://e.example)", ["[x]", "(https:", "/", "/e.example)"]),
        ("a ** b ** c", ["a **", " b **", " c"]),
        ("{{DATE(x)}}", ["{", "{DATE(x)}", "}"]),
        ("# h", [f"{NO_BREAK}# h"]),
        ("a\n  - b", [f"a\n{NO_BREAK * 2}- b"]),
        ("*# h", [f"{NO_BREAK}*", f"{WORD_JOINER}# h"]),
        ("<b>", ["<", "b>"]),
        ("customer_id", ["customer_", "id"]),
        ("price * 0.9", ["price *", " 0.9"]),
        ("a * 1. b", ["a *", f"{WORD_JOINER} 1. b"]),
    ],
)
def test_where_it_is_cut(text: str, runs: list[str]) -> None:
    assert plain_runs(text) == runs


@given(MARKS)
def test_nothing_is_whole_in_any_run(text: str) -> None:
    for run in plain_runs(visible(text)):
        assert WHOLE.search(run) is None, run


@given(MARKS | st.text())
def test_together_they_say_the_same(text: str) -> None:
    said = "".join(plain_runs(text))
    for ours in (WORD_JOINER, ISOLATE, POP):
        said, text = said.replace(ours, ""), text.replace(ours, "")
    assert re.sub(r"\s", "", said) == re.sub(r"\s", "", text)


def test_right_to_left_words_are_isolated() -> None:
    assert isolated("a שלום עולם = 5") == f"a {ISOLATE}שלום עולם{POP} = 5"
    assert isolated("plain") == "plain"
    assert isolated("مرحبا") == f"{ISOLATE}مرحبا{POP}"
