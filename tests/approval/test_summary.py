"""What an approver is told: the worst first, nothing hidden, nothing pushed out of sight, no value."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.facts import Facts, TouchedColumn
from pgmaskproxy.approval.summary import (
    AROUND,
    EXCERPTS,
    HEAD,
    ITEMS,
    LINES,
    OUTPUTS,
    SENTENCE,
    TAIL,
    Excerpt,
    Summary,
    excerpts_of,
    summarize,
)
from pgmaskproxy.model import RuleRef
from tests.approval.making import CANARY, make_request, term

FACTS = Facts(
    application="psql",
    does=("deletes EVERY row of public.customers (it has no WHERE)", "reads public.orders"),
    text="DELETE FROM customers USING orders",
    places=(12,),
    reads=("public.orders",),
    writes=("public.customers",),
    columns=(TouchedColumn("public.customers.ssn", ("pii.ssn",), ("returned", "used in WHERE")),),
)


def test_it_says_what_who_where_why_and_until_when() -> None:
    request = make_request(facts=FACTS, terms=(term("dba", "privacy", quorum=2), term("dba"), term("dba")))
    told = summarize(request)
    assert told.does == FACTS.does
    assert (told.principal, told.kind, told.owner, told.person) == ("sales-agent", "agent", "alice", "")
    assert (told.application, told.address, told.database, told.role) == ("psql", "10.0.0.7", "shop", "reader")
    assert told.tables == ("public.customers (written)", "public.orders (read)")
    assert told.columns == ("public.customers.ssn (pii.ssn): returned, used in WHERE",)
    assert told.outputs == ("id: clear",)
    assert told.rules == ("exports (shop.yaml:12)",)
    assert told.asked == ("2 of dba or privacy", "1 of dba")
    assert (told.reason, told.card) == ("INC-123", "Data leaves the database")
    assert told.deadline - told.created == 900
    assert told.sql == (Excerpt(0, "DELETE FROM customers USING orders"),)
    assert told.digest == request.digest
    assert told.parameters == 2
    assert told.warnings == ()


def test_what_is_unmasked_comes_first_each_column_by_its_name() -> None:
    columns = ("public.customers.email", "public.customers.ssn")
    told = summarize(make_request(facts=FACTS, unmask=columns, unmask_rows=20))
    assert told.does == (
        "shows public.customers.email as it is to sales-agent, in at most 20 rows, once",
        "shows public.customers.ssn as it is to sales-agent, in at most 20 rows, once",
        *FACTS.does,
    )
    assert told.unmask == columns
    assert "in at most 1 row, once" in summarize(make_request(unmask=columns, unmask_rows=1)).does[0]
    stored = json.loads(json.dumps(told.as_json()))
    assert Summary.from_json(stored) == told
    del stored["unmask"]
    assert Summary.from_json(stored).unmask == (), "an earlier version's"


def test_no_value_is_in_it() -> None:
    for request in (make_request(), make_request(facts=FACTS)):
        assert CANARY not in json.dumps(summarize(request).as_json())


def test_a_request_without_facts_is_told_of_by_what_it_has() -> None:
    told = summarize(make_request())
    assert told.does == ("has the effects WRITE",)
    assert told.tables == ("public.customers (read)",)
    assert told.sql[0].text == "DELETE FROM customers WHERE ssn = ? AND id = $1"


def test_it_survives_the_store() -> None:
    told = summarize(make_request(facts=FACTS))
    assert Summary.from_json(json.loads(json.dumps(told.as_json()))) == told


def test_what_hides_is_shown_and_warned_of() -> None:
    request = make_request(sql="DELETE /* \u202e */ FROM t", reason="a\u200bb\nc", facts=Facts(text="SELECT '\u202e'"))
    told = summarize(request)
    assert told.reason == "a⟨U+200B⟩b c"
    assert told.sql[0].text == "SELECT '⟨U+202E⟩'"
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in told.warnings[0]


def test_of_long_texts_both_ends_are_there() -> None:
    told = summarize(make_request(reason="begin" + "x" * 5000 + "end"))
    assert len(told.reason) == SENTENCE
    assert told.reason.startswith("begin")
    assert told.reason.endswith("end")


def test_lists_are_bounded_and_say_so() -> None:
    many = tuple(f"c{number}: clear" for number in range(100))
    told = summarize(make_request(shown=many, rules=tuple(RuleRef(f"r{n}") for n in range(50)), facts=Facts(does=many)))
    assert told.outputs[-1] == "and 76 more"
    assert len(told.outputs) == OUTPUTS + 1
    assert len(told.rules) == len(told.does) == ITEMS + 1
    assert told.does[0] == "c0: clear"


# -- excerpts -------------------------------------------------------------------------------------------------


def test_a_short_text_is_whole() -> None:
    assert excerpts_of("SELECT 1") == ((Excerpt(0, "SELECT 1"),), 0)


def test_head_tail_and_what_changes_something_in_the_middle() -> None:
    text = "h" * 50_000 + " DELETE FROM t " + "m" * 50_000 + " -- tail"
    found, unseen = excerpts_of(text, (50_001,))
    assert unseen == 0
    assert [len(each.text) for each in found] == [HEAD, 2 * AROUND, TAIL]
    assert " DELETE FROM t " in found[1].text
    assert found[2].text.endswith(" -- tail")
    assert sum(each.skipped for each in found) + sum(len(each.text) for each in found) == len(text)


def test_places_without_room_are_counted() -> None:
    places = tuple(range(10_000, 90_000, 4_000))
    found, unseen = excerpts_of("x" * 100_000, places)
    assert len(found) == EXCERPTS + 2
    assert unseen == len(places) - EXCERPTS
    told = summarize(make_request(facts=Facts(text="x" * 100_000, places=places)))
    assert any(f"in {unseen} more places" in each for each in told.warnings)


def test_hidden_characters_cannot_move_a_place_out_of_its_excerpt() -> None:
    text = "\u200b" * 30_000 + "DELETE" + "\u200b" * 30_000
    found, _ = excerpts_of(text, (30_000,))
    assert any("DELETE" in each.text for each in found)


def test_empty_lines_push_nothing_out_of_sight() -> None:
    found, _ = excerpts_of("SELECT 1\n" + " \n" * 500 + "DELETE" + "\nx" * (LINES + 1))
    assert found[0].text.startswith("SELECT 1 DELETE x")
    assert "\n" not in found[0].text


@given(st.text(max_size=5000), st.lists(st.integers(0, 5000), max_size=20))
def test_excerpts_are_bounded_whatever_comes(text: str, places: list[int]) -> None:
    found, _ = excerpts_of(text, [place for place in places if place <= len(text)])
    assert sum(len(each.text) for each in found) <= 4 * (HEAD + TAIL + 2 * AROUND * EXCERPTS)
    assert all(each.text.count("\n") < LINES for each in found)
