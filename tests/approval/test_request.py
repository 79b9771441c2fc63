"""The transition table, exhaustively, and what a digest is bound to."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.request import OPEN, TRANSITIONS, State, Step, after, new_request
from pgmaskproxy.model import (
    Analysis,
    ApprovalTerms,
    ColumnRef,
    Decision,
    Effect,
    Outcome,
    Parameter,
    Principal,
    PrincipalKind,
    RelationRef,
    RuleRef,
    Ruling,
    Unmask,
    UnmaskedOutput,
)
from tests.approval.making import NOW, digest, make_request, term

EXPECTED = {
    State.PENDING: {
        Step.APPROVE: State.APPROVED,
        Step.REJECT: State.REJECTED,
        Step.EXPIRE: State.EXPIRED,
        Step.WITHDRAW: State.WITHDRAWN,
        Step.CANCEL: State.CANCELLED,
    },
    State.APPROVED: {
        Step.RELEASE: State.RELEASED,
        Step.EXPIRE: State.EXPIRED,
        Step.WITHDRAW: State.WITHDRAWN,
        Step.CANCEL: State.CANCELLED,
    },
}


@pytest.mark.parametrize(("state", "step"), list(itertools.product(State, Step)))
def test_every_state_and_step(state: State, step: Step) -> None:
    assert after(state, step) == EXPECTED.get(state, {}).get(step)


def test_released_is_reached_only_from_approved_and_what_has_ended_stays() -> None:
    assert {state for (state, _), then in TRANSITIONS.items() if then is State.RELEASED} == {State.APPROVED}
    assert {state for (state, _), then in TRANSITIONS.items() if then is State.APPROVED} == {State.PENDING}
    assert {state for state, _ in TRANSITIONS} == OPEN == {state for state in State if not state.final}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql", "DELETE FROM customers"),
        ("parameters", (Parameter(1, 25, "x"), Parameter(2, 23, None))),
        ("parameters", ()),
        ("principal", "other-agent"),
        ("role", "writer"),
        ("database", "hr"),
        ("search_path", ("pg_catalog", "evil", "public")),
        ("policy_version", "v2"),
        ("salt", "11" * 16),
    ],
)
def test_a_digest_is_bound_to_every_part(name: str, value: object) -> None:
    request = make_request()
    assert digest(request) == request.digest == request.bound_digest()
    assert digest(request, **{name: value}) != request.digest
    assert replace(request, **{name: value}).bound_digest() != request.digest  # type: ignore[arg-type]


def test_the_digest_is_of_the_columns_and_rows_that_are_unmasked() -> None:
    plain = make_request()
    shows = make_request(unmask=("public.customers.ssn",), unmask_rows=20)
    assert shows.bound_digest() == shows.digest != plain.digest
    for changed in (
        {"unmask": ("public.customers.email",)},
        {"unmask": ("public.customers.email", "public.customers.ssn")},
        {"unmask": ()},
        {"unmask_rows": 21},
    ):
        assert replace(shows, **changed).bound_digest() != shows.digest


def test_what_is_unmasked_is_in_the_request() -> None:
    ruling = _ruling((term(),))
    column = ColumnRef("public", "customers", "ssn")
    unmask = Unmask((UnmaskedOutput(0, column), UnmaskedOutput(2, column)), 20)
    found = new_request(
        request_id="apr_1",
        session="ses_1",
        statement="stm_1",
        principal=Principal("bot", PrincipalKind.AGENT, owner="alice"),
        ruling=replace(ruling, decision=replace(ruling.decision, unmask=unmask)),
        database="shop",
        role="reader",
        parameters=(),
        shown=(),
        reason="INC-1",
        created=NOW,
        in_transaction=False,
        salt="ab",
    )
    assert (found.unmask, found.unmask_rows) == (("public.customers.ssn",), 20)
    assert found.digest == found.bound_digest()


def test_null_and_empty_and_the_type_are_different_parameters() -> None:
    request = make_request()
    seen = {
        digest(request, parameters=(parameter,))
        for parameter in (Parameter(1, 25, None), Parameter(1, 25, ""), Parameter(1, 25, "null"), Parameter(1, 17, ""))
    }
    assert len(seen) == 4


@given(
    st.lists(st.text(st.characters(codec="utf-8")), max_size=4),
    st.lists(st.text(st.characters(codec="utf-8")), max_size=4),
)
def test_a_digest_does_not_run_parts_together(one: list[str], other: list[str]) -> None:
    request = make_request()
    same = digest(request, search_path=tuple(one)) == digest(request, search_path=tuple(other))
    assert same == (one == other)


def _ruling(terms: tuple[ApprovalTerms, ...]) -> Ruling:
    analysis = Analysis(
        "DeleteStmt",
        frozenset({Effect.WRITE, Effect.READ}),
        reads=frozenset({RelationRef("public", "orders")}),
        writes=frozenset({RelationRef("public", "customers")}),
        redacted="DELETE FROM customers WHERE id = ?",
    )
    decision = Decision(Outcome.HOLD, (RuleRef("r"),), terms=terms, labels=("pii",), policy_version="v9")
    return Ruling("DELETE FROM customers WHERE id = 7", 3, analysis, decision, 1, ("pg_catalog", "public"))


def _new(terms: tuple[ApprovalTerms, ...], *, in_transaction: bool = False, longest: float | None = None) -> float:
    request = new_request(
        request_id="apr_1",
        session="ses_1",
        statement="stm_1",
        principal=Principal("bot", PrincipalKind.AGENT, owner="alice", person="bob", address="::1"),
        ruling=_ruling(terms),
        database="shop",
        role="reader",
        parameters=(),
        shown=(),
        reason="",
        created=NOW,
        in_transaction=in_transaction,
        longest=longest,
        salt="ab",
    )
    assert request.state is State.PENDING
    assert (request.owner, request.person, request.kind) == ("alice", "bob", "agent")
    assert request.digest == request.bound_digest()
    assert request.relations == ("public.customers", "public.orders")
    assert request.effects == ("READ", "WRITE")
    assert request.sql == "DELETE FROM customers WHERE id = 7"
    return request.deadline - NOW


def test_the_deadline_is_the_least_of_all() -> None:
    one = ApprovalTerms(RuleRef("a"), ("dba",), deadline=600, in_transaction=20, card="A")
    two = ApprovalTerms(RuleRef("b"), ("privacy",), deadline=300, in_transaction=40, card="A")
    assert _new((one,)) == 600
    assert _new((one, two)) == 300
    assert _new((one, two), in_transaction=True) == 20
    assert _new((one, two), in_transaction=True, longest=5) == 5


def test_a_hold_that_asks_nobody_is_an_error() -> None:
    with pytest.raises(ValueError, match="asks nobody"):
        _new(())
