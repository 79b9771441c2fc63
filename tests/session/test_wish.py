"""How long `pgmaskproxy.unmask` lasts: too short rather than too long."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, Effect, NameUse, NameVerb, Setting, TransactionVerb
from pgmaskproxy.session.wish import UNMASK, Wish


def setting(value: str | None, *, local: bool = False, name: str = UNMASK) -> Analysis:
    return Analysis("VariableSetStmt", frozenset({Effect.SESSION}), settings=(Setting(name, value, local),))


def transaction(verb: TransactionVerb, text: str = "") -> Analysis:
    return Analysis("TransactionStmt", frozenset({Effect.TRANSACTION}), transaction=verb, redacted=text or verb.value)


def wish(*, local: bool = False, settled: bool = False) -> Wish:
    found = Wish()
    found.note(setting(" customers.ssn ", local=local), 3)
    assert found.text == "customers.ssn"
    if settled:
        found.ready(b"I", 3)
        assert found.text == "customers.ssn"
    return found


@pytest.mark.parametrize(
    "analysis",
    [
        setting(None),
        setting(""),
        setting(None, name="all"),
        setting(None, name="PGMaskProxy.Unmask"),
        Analysis("DiscardStmt", frozenset({Effect.SESSION}), names=NameUse(NameVerb.DISCARD, None)),
    ],
)
def test_it_ends_when_it_is_reset(analysis: Analysis) -> None:
    found = wish(settled=True)
    found.note(analysis, 4)
    assert found.text == ""


def test_another_setting_leaves_it_alone() -> None:
    found = wish()
    found.note(setting("x", name="pgmaskproxy.reason"), 3)
    assert found.text


@pytest.mark.parametrize("local", [False, True])
def test_what_is_shown_is_shown_once_and_a_failure_asks_again(local: bool) -> None:
    found = wish(local=local)
    found.ready(b"T", 3)
    found.spend()
    assert found.text == ""
    found.take_back()
    assert found.text == "customers.ssn"
    found.spend()
    found.ready(b"T", 4)
    found.take_back()
    assert found.text == "", "it was answered in full"


def test_a_wish_of_later_is_not_overwritten_by_one_that_failed() -> None:
    found = wish()
    found.spend()
    found.note(setting("customers.card"), 3)
    found.take_back()
    assert found.text == "customers.card"


def test_set_local_ends_with_its_transaction() -> None:
    for verb in (TransactionVerb.COMMIT, TransactionVerb.ROLLBACK, TransactionVerb.PREPARED):
        found = wish(local=True)
        found.note(transaction(verb), 3)
        assert found.text == "", verb
    found = wish(local=True)
    found.ready(b"T", 3)
    assert found.text
    found.ready(b"I", 4)
    assert found.text == "", "the transaction is over, whatever ended it"


def test_a_sync_of_before_says_nothing_of_it() -> None:
    found = wish(local=True)
    found.ready(b"I", 2)
    assert found.text


def test_set_stays_over_a_commit_and_goes_with_a_rollback() -> None:
    found = wish()
    found.note(transaction(TransactionVerb.COMMIT), 3)
    found.ready(b"I", 3)
    found.note(transaction(TransactionVerb.ROLLBACK), 4)
    assert found.text, "a rollback of another transaction"
    found = wish()
    found.note(transaction(TransactionVerb.ROLLBACK), 3)
    assert found.text == ""


@pytest.mark.parametrize("local", [False, True])
def test_an_error_takes_it_back_until_it_is_committed(local: bool) -> None:
    found = wish(local=local)
    found.ready(b"T", 3)
    found.failed()
    assert found.text == ""
    found = wish(settled=True)
    found.failed()
    assert found.text


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("SAVEPOINT a", True),
        ("release a", True),
        ("ROLLBACK TO a", False),
        ("ROLLBACK WORK TO SAVEPOINT a", False),
        ("", False),
    ],
)
def test_only_what_takes_nothing_back_leaves_it(text: str, stays: bool) -> None:
    found = wish(local=True)
    found.note(transaction(TransactionVerb.SAVEPOINT, text or "?"), 3)
    assert bool(found.text) is stays
