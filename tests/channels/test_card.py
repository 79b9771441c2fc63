"""The card: valid by Microsoft's published schema, small enough, and of a statement nothing but text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmaskproxy.approval.facts import Facts, TouchedColumn
from pgmaskproxy.approval.notification import Notification, notification_data
from pgmaskproxy.approval.request import State, Vote
from pgmaskproxy.channels.card import CONTENT_TYPE, LIMIT, envelope, harmless, message
from pgmaskproxy.model import RuleRef
from pgmaskproxy.proxy.deep import DeepThread
from tests.approval.making import CANARY, NOW, make_request, term
from tests.channels.hostile import HOSTILE, LINK, Hostile

SCHEMA_FILE = Path(__file__).parent / "adaptivecards/adaptive-card-1.4.0.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft6Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
FACTS = Facts(
    application="psql",
    does=("deletes rows of public.customers", "reads public.orders"),
    text="DELETE FROM customers\n  USING orders",
    places=(12,),
    reads=("public.orders",),
    writes=("public.customers",),
    columns=(TouchedColumn("public.customers.ssn", ("pii.ssn",), ("used in WHERE",)),),
)


@pytest.fixture(scope="module")
def deep() -> Iterator[DeepThread]:
    thread = DeepThread()
    yield thread
    thread.close()


def note(kind: str = "approval.requested", **changes: Any) -> Notification:
    request = make_request(**({"facts": FACTS} | changes))
    return Notification("evt_1", kind, NOW, NOW + 900, notification_data(request, LINK))


def card(notification: Notification) -> dict[str, Any]:
    """The card in the message, once the message is as Workflows takes it."""
    made = json.loads(message(notification))
    assert set(made) == {"type", "attachments"}
    assert made["type"] == "message"
    (attachment,) = made["attachments"]
    assert (attachment["contentType"], attachment["contentUrl"]) == (CONTENT_TYPE, None)
    content: dict[str, Any] = attachment["content"]
    return content


def valid(content: dict[str, Any]) -> dict[str, Any]:
    """`content`, if the published schema takes it. Teams' own extension (its width) is not Adaptive Cards'."""
    assert content.get("msteams") == {"width": "full"}
    VALIDATOR.validate({key: value for key, value in content.items() if key != "msteams"})
    return content


def texts(content: object) -> Iterator[tuple[str, str]]:
    """(type, text) of everything that is shown."""
    if isinstance(content, dict):
        if isinstance(content.get("text"), str):
            yield content["type"], content["text"]
        for each in content.values():
            yield from texts(each)
    elif isinstance(content, list):
        for each in content:
            yield from texts(each)


def said(content: object) -> str:
    return "".join(text for _, text in texts(content)).replace("\u00a0", " ")


def test_the_schema_is_the_published_one() -> None:
    digest = hashlib.sha256(SCHEMA_FILE.read_bytes()).hexdigest()
    assert digest in (SCHEMA_FILE.parent / "README.md").read_text()
    jsonschema.Draft6Validator.check_schema(SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "txt": "x"}]})


def test_what_is_on_it_and_in_which_order() -> None:
    words = said(valid(card(note(terms=(term("dba", quorum=2),), person="carol"))))
    order = [
        "A statement waits for approval",
        "deletes rows of public.customers",
        "reads public.orders",
        "Data leaves the database",
        "Asked by: sales-agent (agent) of alice · login of carol · calls itself psql · from 10.0.0.7",
        "Database: shop as role reader",
        "Tables: \n• public.customers (written)\n• public.orders (read)",
        "Labelled columns: public.customers.ssn (pii.ssn): used in WHERE",
        "It returns: id: clear",
        "Rule: exports (shop.yaml:12)",
        "Reason given: INC-123",
        "Who decides: 2 of dba, never alice, carol",
        "**Decide before:** {{TIME(2027-01-15T08:15:00Z)}}, {{DATE(2027-01-15T08:15:00Z,SHORT)}} (08:15:00 UTC)",
        "DELETE FROM customers\n  USING orders",
        "Literals are shown as ?. 2 parameters",
    ]
    places = [words.index(each) for each in order]
    assert places == sorted(places)


def test_what_is_unmasked_to_whom_in_how_many_rows_and_why_come_first() -> None:
    words = said(valid(card(note(unmask=("public.customers.ssn",), unmask_rows=20))))
    order = [
        "A statement waits for approval",
        "shows public.customers.ssn as it is to sales-agent, in at most 20 rows, once",
        "deletes rows of public.customers",
        "Why: INC-123",
        "Data leaves the database",
    ]
    places = [words.index(each) for each in order]
    assert places == sorted(places)
    assert "Why:" not in said(card(note()))


def test_the_one_button_leads_to_the_page_where_one_signs_in() -> None:
    content = card(note())
    assert content["actions"] == [{"type": "Action.OpenUrl", "title": "Sign in and decide", "url": LINK}]
    assert json.dumps(content).count("Action.") == 1
    assert json.dumps(content).count("https://") == 1


def test_no_value_is_on_it() -> None:
    for facts in (FACTS, Facts()):
        assert CANARY not in said(card(note(facts=facts)))


@pytest.mark.parametrize(
    ("state", "votes", "expected"),
    [
        (State.APPROVED, (Vote("bob", True, "fine by me", NOW),), ("Approved", "bob approved it: fine by me", "once")),
        (State.REJECTED, (Vote("bob", False, "", NOW),), ("Rejected", "bob rejected it", "did not run")),
        (State.EXPIRED, (), ("Expired", "did not run")),
        (State.WITHDRAWN, (), ("Withdrawn", "did not run")),
        (State.CANCELLED, (), ("Cancelled", "did not run")),
    ],
)
def test_what_became_of_it_is_a_short_card(state: State, votes: tuple[Vote, ...], expected: tuple[str, ...]) -> None:
    content = valid(card(note(f"approval.{state.value}", state=state, votes=votes)))
    words = said(content)
    for each in (*expected, "deletes rows of public.customers", "sales-agent in shop", make_request().id):
        assert each in words
    assert "DELETE FROM" not in words
    assert content["actions"][0]["url"] == LINK


def test_what_is_left_of_an_earlier_version_is_told_too() -> None:
    old = Notification("evt_1", "approval.requested", NOW, NOW + 900, {"id": "apr_1", "link": LINK})
    assert valid(card(old))["actions"][0]["url"] == LINK


def test_a_link_that_is_none_is_no_button() -> None:
    for link in ("", "javascript:alert(1)", 5):
        assert "actions" not in valid(card(Notification("evt_1", "approval.requested", NOW, NOW, {"link": link})))


def test_the_harmless_one() -> None:
    content = json.loads(envelope(harmless("db.example")))["attachments"][0]["content"]
    assert "nothing to do" in said(valid(content))
    assert "db.example" in said(content)
    assert "actions" not in content


# -- hostile --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: payload.name)
def test_a_hostile_statement_is_text_and_its_danger_is_in_sight(payload: Hostile, deep: DeepThread) -> None:
    notification = payload.notification(deep)
    made = message(notification)
    assert len(made) <= LIMIT < 28 * 1024
    content = valid(card(notification))
    for seen in payload.seen:
        assert seen in said(content)
    ours = said(card(note()))
    for kind, text in texts(content):
        if kind == "TextBlock":
            assert text in ours, "Markdown is for words of ours alone"
    assert len(content["actions"]) == 1
    assert content["actions"][0]["url"] == LINK
    assert not set(said(content)) & set("\u202e\u2066\u200b\0\x1b"), "nothing hides"


@given(
    st.lists(st.text(min_size=1), max_size=30).map(tuple),
    st.text(max_size=300_000 // 100).map(lambda text: text * 100),
    st.text(max_size=3000),
)
@settings(deadline=None, max_examples=25)
def test_whatever_it_is_it_fits_and_is_valid(many: tuple[str, ...], text: str, reason: str) -> None:
    facts = Facts(does=many, text=text, places=tuple(range(0, len(text), 977)), reads=many, writes=many)
    notification = note(facts=facts, shown=many * 50, reason=reason, principal="*" * 300, card=reason)
    assert len(message(notification)) <= LIMIT
    valid(card(notification))


@pytest.mark.parametrize("marks", ["*_`~", "😀שׁ", "[](", "⟨<&\\"])
def test_what_would_be_too_long_is_made_shorter(marks: str) -> None:
    long = marks * 20_000
    many = tuple(f"{number}{marks * 200}" for number in range(40))
    facts = Facts(application=long, does=many, text=long, places=tuple(range(0, 70_000, 9000)), reads=many, writes=many)
    changes: dict[str, Any] = dict.fromkeys(("principal", "owner", "database", "role", "reason", "card", "sql"), long)
    notification = note(facts=facts, shown=many, rules=tuple(RuleRef(each) for each in many), **changes)
    made = message(notification)
    assert LIMIT / 4 < len(made) <= LIMIT
    assert said(valid(card(notification))).startswith("A statement waits for approval0")
