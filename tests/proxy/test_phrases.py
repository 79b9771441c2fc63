"""The words of a decision: made once, and never another's."""

from __future__ import annotations

import json

import pytest
import rfc8785

from pgmaskproxy.audit.canonical import Unrecordable
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.model import Analysis, Decision, Effect, Mask, Outcome
from pgmaskproxy.proxy import phrases
from pgmaskproxy.proxy.phrases import Phrases, decided_data, finished

ANALYSIS = Analysis(kind="SelectStmt", effects=frozenset({Effect.READ}), redacted="SELECT 1")
DECISION = Decision(Outcome.ALLOW, reason="allowed by reads")
OTHER = Decision(Outcome.HOLD, reason="held by writes")


def test_the_same_decision_has_the_same_words() -> None:
    made = Phrases()
    first = made.decided("shop", "reader", ANALYSIS, DECISION)
    assert made.decided("shop", "reader", ANALYSIS, DECISION) is first
    assert json.loads(first)["outcome"] == "allow"


@pytest.mark.parametrize(
    "changed",
    [
        ("other", "reader", ANALYSIS, DECISION),
        ("shop", "writer", ANALYSIS, DECISION),
        ("shop", "reader", Analysis(kind="InsertStmt", effects=frozenset({Effect.WRITE})), DECISION),
        ("shop", "reader", ANALYSIS, OTHER),
    ],
)
def test_another_has_its_own(changed: tuple[str, str, Analysis, Decision]) -> None:
    made = Phrases()
    first = made.decided("shop", "reader", ANALYSIS, DECISION)
    found = made.decided(*changed)
    assert found == decided_data(*changed) != first


def test_how_outputs_are_shown() -> None:
    made, shown = Phrases(), (Mask("redact", "pii.ssn"), None, Mask("partial", "pii.name"))
    assert made.masked(shown) is made.masked(shown)
    assert json.loads(made.masked(shown)) == {"conflicts": 0, "masks": ["pii.ssn:redact", None, "pii.name:partial"]}
    assert (made.strategy(shown), made.strategy(())) == ("redact", "")


def test_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "KEPT", 3)
    made = Phrases()
    for number in range(10):
        shown = (Mask("redact", f"label.{number}"),)
        decision = Decision(Outcome.ALLOW, reason=str(number))
        assert json.loads(made.masked(shown))["masks"] == [f"label.{number}:redact"]
        assert json.loads(made.decided("shop", "reader", ANALYSIS, decision))["reason"] == str(number)
    assert max(len(made._decided), len(made._masked)) <= 3


def test_what_cannot_be_recorded_is_an_error_of_the_log() -> None:
    with pytest.raises(AuditFailed, match="cannot be recorded"):
        decided_data("shop", "\ud800", ANALYSIS, DECISION)


def test_what_came_of_it() -> None:
    data = json.loads(finished(tag="SELECT 3", rows=3, cells=2, size=120, seconds=0.0123456, sqlstate=""))
    assert data == {
        "tag": "SELECT 3", "rows": 3, "masked_cells": 2, "bytes": 120, "microseconds": 12345, "sqlstate": "",
    }  # fmt: skip
    assert json.loads(finished(tag="", rows=1, cells=0, size=9, seconds=0.0, sqlstate="22012", unmasked=1)) == {
        "tag": "", "rows": 1, "masked_cells": 0, "bytes": 9, "microseconds": 0, "sqlstate": "22012", "unmasked_rows": 1,
    }  # fmt: skip


@pytest.mark.parametrize("tag", ["", "SELECT 3", 'a"b\\c', "\x01\ufffd"])
@pytest.mark.parametrize("unmasked", [-1, 0, 7])
def test_it_is_in_the_librarys_spelling(tag: str, unmasked: int) -> None:
    made = finished(tag=tag, rows=3, cells=2, size=120, seconds=0.5, sqlstate="22012", unmasked=unmasked)
    assert made == rfc8785.dumps(json.loads(made))
    assert json.loads(made)["tag"] == tag


def test_a_number_that_not_every_reader_keeps_is_not_recorded() -> None:
    with pytest.raises(Unrecordable):
        finished(tag="", rows=(1 << 53), cells=0, size=0, seconds=0.0, sqlstate="")
