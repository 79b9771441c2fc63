"""The grammar of node trees, its folding, and that nothing but Unattestable ever comes out of it."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgmaskproxy.sql.attest import reader
from pgmaskproxy.sql.attest.reader import MAX_DEPTH, Node, Value, read, stripped, text_of, unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from tests.sql.attest.golden import Case, goldens
from tests.sql.conftest import interpreted


def node(text: str) -> Node:
    found = read(text)
    assert isinstance(found, Node)
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{A :b 1}", "1"),
        ("{A :b -1.5e10}", "-1.5e10"),
        ("{A :b <>}", None),
        ("{A :b ()}", []),
        ("{A :b (i 1 -2 3)}", (1, -2, 3)),
        ("{A :b (o 4294967295)}", (4294967295,)),
        ("{A :b (b)}", ()),
        ('{A :b ("x" "" <> y)}', ['"x"', '""', None, "y"]),
        ("{A :b ((i 1) () (o 2))}", [(1,), [], (2,)]),
        ("{A :b 4 [ 1 0 -1 0 ]}", "[ 1 0 -1 0 ]"),
        ("{A :b 0 [ ]}", "[ ]"),
        ("{A :b [1]}", "[1]"),
        ("{A :b [}", "["),
        ("{A :b \\[\\ 1\\ ]}", "\\[\\ 1\\ ]"),
        ("{A :b :c}", ":c"),
        ("{A :b a\\ b\\{\\}\\(\\)\\\\}", "a\\ b\\{\\}\\(\\)\\\\"),
        ("{A :b \\1}", "\\1"),
        ("{A :b é\u00a0\u2003}", "é\u00a0\u2003"),
    ],
)
def test_values(text: str, value: Value) -> None:
    assert node(text).fields == {"b": value}


def test_nodes_in_lists_in_nodes() -> None:
    found = node("{A :b ({C :d 1} {C :d {E}}) :f 2}")
    assert list(found.fields) == ["b", "f"]
    inside = found.fields["b"]
    assert isinstance(inside, list)
    first, second = inside
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    assert (first.label, first.fields) == ("C", {"d": "1"})
    assert isinstance(second.fields["d"], Node)
    assert repr(found) == "<A b f>"


def test_a_whole_tree_may_be_a_list_or_nothing() -> None:
    assert read("<>") is None
    assert read("()") == []


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{", "}", "(", ")", "{}", "{A", "{A :b", "{A :b}", "{A :b 1", "{A b 1}", "{A :b 1 :b 2}", "{a :b 1}",
        "{A :b 1} {C}", "{A :b 1}}", "({A)}", "{A :b (i 1}", "{A :b (i x)}", "{A :b 4 [ 1 x ]}", "{A :b 4 [ 1 }",
        "{A :b )}", "{A :b ]1}\\", "x", "1", "{A :b 1}\\", "{A :b (i 1 {C})}", "{A :b }", "{:b 1}", "(i", "(i 1",
        "{A :b 1 [1]}", "{A :b (i " + "9" * 5000 + ")}",
    ],
)  # fmt: skip
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Unattestable):
        read(text)


@given(st.text(alphabet='{}()[]:<>\\" \nAib019-x', max_size=60))
@example("{A :b \\")
@example("{A :b 1}\\")
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(Unattestable):
        read(unfold(text))


@given(st.sampled_from(list(goldens())), st.integers(0, 2**32), st.integers(1, 4))
def test_damaged_trees_raise_nothing_else(golden: tuple[Case, int, str], seed: int, times: int) -> None:
    chance = random.Random(seed)
    text = golden[2]
    for _ in range(times):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(["", "{", "}", "(", ")", "\\", " ", "\n", ":", "7", "<>"]) + text[at + 1 :]
    with suppress(Unattestable):
        read(unfold(text))


@given(st.text(alphabet='{}()[] :<>"Ab01-]', max_size=60))
@example("{A :b 4 [ 1 0 -1 0 ] :c [ :d 0 [ ]}")
@example("([ 1 ]x [ - ] [ 1]")
@example("{A :b a[ 1 ] [  1 ]}")
def test_the_quick_way_to_tokens_finds_the_same(text: str) -> None:
    assert reader._tokens(text) == reader._TOKEN.findall(text)


def test_the_quick_way_to_tokens_finds_the_same_in_every_golden_tree() -> None:
    for _, _, tree in goldens():
        text = unfold(tree)
        assert reader._tokens(text) == reader._TOKEN.findall(text)


def test_every_golden_tree_is_read() -> None:
    for _, _, tree in goldens():
        assert read(unfold(tree)) is None or isinstance(read(unfold(tree)), list)


def test_every_golden_tree_cut_short_is_refused() -> None:
    for _, _, tree in list(goldens())[::20]:
        text = unfold(tree)
        for end in range(0, len(text), max(1, len(text) // 50)):
            with pytest.raises(Unattestable):
                read(text[:end])


# -- how deep, how much -----------------------------------------------------------------------------------------


def test_depth_is_bounded_without_recursion() -> None:
    deep = MAX_DEPTH - 10
    assert isinstance(read("{A :b " * deep + "1" + "}" * deep), Node)
    for opening, closing in (("{A :b ", "}"), ("(", ")")):
        with pytest.raises(Unattestable) as refused:
            read(opening * 1_000_000 + "<>" + closing * 1_000_000)
        assert refused.value.sqlstate == "54001"


@interpreted
def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_CHARACTERS", 20)
    assert read("{A :b 1}")
    with pytest.raises(Unattestable) as refused:
        read("{A :b 1 :c 2 :d 3333}")
    assert refused.value.sqlstate == "54000"


# -- folding ----------------------------------------------------------------------------------------------------


def folded(text: str) -> str:
    """print.c's format_node_dump, as it is written there."""
    lines: list[str] = []
    at = 0
    while True:
        line = text[at : at + 78]
        at += len(line)
        if at >= len(text):
            return "".join(f"{each}\n" for each in [*lines, line] if each)
        if text[at] == " ":
            at += 1
        else:
            space = line.rfind(" ", 1)
            if space > 0:
                at -= len(line) - space - 1
                line = line[:space]
        lines.append(line)


@given(st.lists(st.text(alphabet="ab:{}\\ ", min_size=1, max_size=40), min_size=1, max_size=40))
def test_unfold_undoes_the_folding_or_refuses(words: list[str]) -> None:
    text = " ".join(words).strip()
    try:
        assert unfold(folded(text)).strip() == text
    except Unattestable:
        assert any(len(word) > 70 for word in text.split(" "))


@pytest.mark.parametrize("name", ["\\(" * 63, "x" * 70 + "\\}" * 4, "\\\\" * 60])
def test_a_name_that_the_folding_cuts_is_refused(name: str) -> None:
    """Behind the cut a brace would be structure: the backslash before it ended the line."""
    text = f"{{A :b {name} :c 1}}"
    assert node(text).fields["b"] == name
    with pytest.raises(Unattestable, match="too long"):
        unfold(folded(text))


def test_a_cut_could_forge_structure_if_it_were_let_through() -> None:
    cut = folded("{A :b " + "x" * 71 + "\\\\" * 3 + "\\} :c 1}")
    with pytest.raises(Unattestable):
        unfold(cut)


def test_line_breaks_only_where_the_folding_puts_them() -> None:
    with pytest.raises(Unattestable):
        read("{A :b 1\n}")
    assert read("{A :b a\\\nb}")  # in a stored view: a name with a line break in it


def test_text_of() -> None:
    assert text_of('"a\\ b"') == "a b"
    assert text_of("a\\\\\\ b") == "a\\ b"
    assert text_of('""') == ""
    assert text_of(None) == ""
    wrongs: list[Value] = [[], (1,), Node("A")]
    for wrong in wrongs:
        with pytest.raises(Unattestable):
            text_of(wrong)


# -- the second key ---------------------------------------------------------------------------------------------


def test_stripped_takes_constants_and_places_away() -> None:
    one = "{CONST :constisnull false :location 7 :constvalue 4 [ 1 0 ]} {X :stmt_location 0 :stmt_len 9 :list_start 1}"
    two = "{CONST :constisnull false :location 12 :constvalue 9 [ 5 ]} {X :stmt_location 8 :stmt_len 1 :list_start 2}"
    assert stripped(one) == stripped(two) == "{CONST :constisnull false} {X}"


@pytest.mark.parametrize(
    "other",
    [
        "{CONST :constisnull true :location 7 :constvalue <>}",
        "{CONST :consttype 25 :constisnull false :location 7 :constvalue 4 [ 1 0 ]}",
        "{VAR :varno 2 :location 7}",
        "{A :b x\\ :location\\ 5}",
        "{A :b :location :c 5}",
        "{FUNCEXPR :funcid 5 :location 7}",
        "{CONST :constisnull false :location -1 :constvalue 4 [ 1 0 ]}",
    ],
)
def test_stripped_keeps_everything_else(other: str) -> None:
    kept = {
        "{CONST :constisnull false :location 7 :constvalue 4 [ 1 0 ]}",
        "{VAR :varno 1 :location 7}",
        "{A :b x\\ :location\\ 6}",
        "{A :b :location :c 6}",
        "{FUNCEXPR :funcid 6 :location 7}",
    }
    assert stripped(other) not in {stripped(one) for one in kept}


FIELDS = st.sampled_from(
    [
        ":location 7", ":location -1", ":location :c 5", ":stmt_location -1", ":stmt_len 0", ":list_start 3",
        ":list_end x", ":constvalue <>", ":constvalue 4 [ 1 0 -1 0 ]", ":constvalue x", ":b ({", "}) :c",
        ":d x\\ :location\\ 7", ":constisnull",
    ]
)  # fmt: skip


@given(st.lists(FIELDS, max_size=12))
def test_the_quick_way_strips_the_same(fields: list[str]) -> None:
    tree = "{A " + " ".join(fields) + "}"
    assert stripped(tree) == reader._MOVING.sub("", tree)


def test_the_quick_way_strips_the_same_of_every_golden_tree() -> None:
    for _, _, tree in goldens():
        assert stripped(unfold(tree)) == reader._MOVING.sub("", unfold(tree))


def test_stripped_trees_still_differ_from_case_to_case() -> None:
    trees = [stripped(unfold(tree)) for _, major, tree in goldens() if major == 18]
    # Rules that leave nothing are all the same; UPDATE plain and its barrier are not.
    assert len(set(trees)) == len(trees)
