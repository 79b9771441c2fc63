"""Rows and nouns: nothing is lost on the way through JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.facts import NO_FACTS, Facts, TouchedColumn
from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.request import ApprovalRequest, State, Vote
from pgmaskproxy.model import ApprovalTerms, Parameter, RuleRef
from pgmaskproxy.store import rows
from pgmaskproxy.store.protocol import Canary, Token

TEXT = st.text(max_size=6)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
RULES = st.builds(RuleRef, TEXT, TEXT, st.integers(0, 9999))
TERMS = st.builds(
    ApprovalTerms, RULES, TEXTS, st.integers(0, 9), st.floats(0, 1e6), st.floats(0, 1e6), st.booleans(), TEXT
)
PARAMETERS = st.builds(Parameter, st.integers(1, 65535), st.integers(0, 2**32 - 1), st.none() | TEXT)
VOTES = st.builds(Vote, TEXT, st.booleans(), TEXT, st.floats(0, 2e9), TEXTS)
FACTS = st.builds(
    Facts,
    application=TEXT,
    does=TEXTS,
    text=TEXT,
    places=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    literals=st.booleans(),
    reads=TEXTS,
    writes=TEXTS,
    columns=st.lists(st.builds(TouchedColumn, TEXT, TEXTS, TEXTS), max_size=2).map(tuple),
)
REQUESTS = st.builds(
    ApprovalRequest,
    id=TEXT,
    session=TEXT,
    statement=TEXT,
    principal=TEXT,
    owner=st.none() | TEXT,
    database=TEXT,
    role=TEXT,
    search_path=TEXTS,
    sql=TEXT,
    redacted=TEXT,
    parameters=st.lists(PARAMETERS, max_size=3).map(tuple),
    policy_version=TEXT,
    rules=st.lists(RULES, max_size=2).map(tuple),
    labels=TEXTS,
    relations=TEXTS,
    shown=TEXTS,
    effects=TEXTS,
    card=TEXT,
    reason=TEXT,
    terms=st.lists(TERMS, max_size=2).map(tuple),
    created=st.floats(0, 2e9),
    deadline=st.floats(0, 2e9),
    digest=TEXT,
    salt=TEXT,
    person=st.none() | TEXT,
    kind=TEXT,
    address=TEXT,
    state=st.sampled_from(State),
    votes=st.lists(VOTES, max_size=2).map(tuple),
    ended=st.none() | st.floats(0, 2e9),
    note=TEXT,
    facts=FACTS,
    unmask=st.lists(TEXT, max_size=2).map(tuple),
    unmask_rows=st.integers(0, 1000),
)


@given(REQUESTS)
def test_a_request_with_its_votes(request: ApprovalRequest) -> None:
    row = json.loads(json.dumps(rows.request_row(request, "w1")))
    votes = [json.loads(json.dumps(rows.vote_row(request.id, vote))) for vote in request.votes]
    assert rows.request_from(row, votes) == request


@given(REQUESTS)
def test_a_request_of_before_there_were_facts(request: ApprovalRequest) -> None:
    row = rows.request_row(request, "w1")
    del row["body"]["facts"], row["body"]["unmask"], row["body"]["unmask_rows"]
    found = rows.request_from(row, ())
    assert (found.facts, found.unmask, found.unmask_rows) == (NO_FACTS, (), 0)


def test_a_token() -> None:
    token = Token("tok_1", "bob", "aa", 1.0, 2.0, "note", None)
    assert rows.token_from(rows.token_row(token)) == token


def test_a_canary_whose_value_is_not_printed() -> None:
    canary = Canary("can_1", "937-12-4711", "pii.ssn", "shop", "a.b.ssn", 1.0, 2.0)
    assert rows.canary_from(rows.canary_row(canary)) == canary
    assert canary.value not in repr(canary)


def test_a_notification_is_due_at_once_and_not_done() -> None:
    notification = Notification("evt_1", "approval.requested", 5.0, 9.0, {"a": [1, None]})
    row = rows.outbox_row("hook", notification)
    assert (row["next_at"], row["attempts"], row["done"]) == (5.0, 0, False)
    item = rows.outbox_from({**row, "id": 3}, 1)
    assert (item.id, item.channel, item.notification, item.attempts) == (3, "hook", notification, 1)
