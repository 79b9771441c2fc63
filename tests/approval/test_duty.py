"""Separation of duty, without exceptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.duty import agreed, authors, counts_for, may_decide, missing
from pgmaskproxy.approval.refusals import NotAllowed
from pgmaskproxy.approval.request import Vote
from tests.approval.making import ALICE, BOB, CAROL, DAVE, EVE, NOW, Somebody, make_request, term

EVERYTHING = frozenset({"dba", "privacy", "admin", "sales"})


def _vote(person: Somebody, *groups: str, approve: bool = True) -> Vote:
    return Vote(person.id, approve, "", NOW, groups)


def test_somebody_in_an_asked_group_may() -> None:
    may_decide(BOB, make_request())
    may_decide(CAROL, make_request(terms=(term("dba"), term("privacy"))))


@pytest.mark.parametrize(
    ("person", "says"),
    [
        (ALICE, "answers for sales-agent"),
        (Somebody("alice", EVERYTHING), "answers for sales-agent"),
        (Somebody("sales-agent", EVERYTHING), "asked for this"),
        (EVE, "none of the groups"),
        (Somebody("", EVERYTHING), "nobody is signed in"),
    ],
)
def test_who_may_not(person: Somebody, says: str) -> None:
    with pytest.raises(NotAllowed, match=says) as caught:
        may_decide(person, make_request())
    assert caught.value.sqlstate == "42501"


def test_a_human_never_decides_what_their_own_login_asks() -> None:
    request = make_request(principal="bob_login", owner=None, person="bob", kind="human")
    with pytest.raises(NotAllowed, match="asked for this"):
        may_decide(BOB, request)
    may_decide(DAVE, request)


def test_a_request_without_groups_asks_nobody() -> None:
    with pytest.raises(NotAllowed):
        may_decide(BOB, make_request(terms=()))


def test_a_person_counts_once_in_a_term_and_in_each_term_of_their_groups() -> None:
    both = make_request(terms=(term("dba"), term("privacy")))
    assert counts_for(BOB, both) == ("dba", "privacy")
    assert agreed(both, [_vote(BOB, "dba", "privacy")])
    assert not agreed(both, [_vote(DAVE, "dba")])
    assert agreed(both, [_vote(DAVE, "dba"), _vote(CAROL, "privacy")])
    assert missing(term("dba", quorum=2), [_vote(BOB, "dba"), _vote(BOB, "dba")]) == 1


def test_a_quorum_wants_that_many_and_never_fewer_than_one() -> None:
    two = make_request(terms=(term("dba", quorum=2),))
    assert not agreed(two, [_vote(BOB, "dba")])
    assert agreed(two, [_vote(BOB, "dba"), _vote(DAVE, "dba")])
    for quorum in (0, -3):
        assert not agreed(make_request(terms=(term("dba", quorum=quorum),)), [])


def test_one_rejection_and_no_terms_mean_no() -> None:
    assert not agreed(make_request(), [_vote(BOB, "dba"), _vote(DAVE, "dba", approve=False)])
    assert not agreed(make_request(terms=()), [_vote(BOB, "dba")])


def test_an_authors_vote_never_counts_however_it_got_there() -> None:
    request = make_request(person="dave")
    assert authors(request) == {"sales-agent", "alice", "dave"}
    for author in (ALICE, DAVE, Somebody("sales-agent")):
        assert not agreed(request, [_vote(author, "dba")])
    assert agreed(request, [_vote(BOB, "dba"), _vote(ALICE, "dba")])


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("xyz"), min_size=1, max_size=2), st.integers(0, 3)), max_size=3),
    st.lists(st.tuples(st.sampled_from(["bob", "carol", "alice"]), st.lists(st.sampled_from("xyz"))), max_size=5),
)
def test_agreement_by_the_definition(terms: list[tuple[list[str], int]], votes: list[tuple[str, list[str]]]) -> None:
    request = make_request(terms=tuple(term(*groups, quorum=quorum) for groups, quorum in terms))
    cast = [Vote(person, True, "", NOW, tuple(groups)) for person, groups in votes]
    expected = bool(terms) and all(
        len({person for person, member in votes if person != "alice" and set(member) & set(groups)}) >= max(1, quorum)
        for groups, quorum in terms
    )
    assert agreed(request, cast) == expected
