"""A session's part of the log: what is written, when, and how durably."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Analysis, AuditEvent, Decision, Effect, Mask, Outcome, Refusal, RuleRef, Ruling
from pgmaskproxy.proxy.phrases import DECIDED, EXECUTING
from pgmaskproxy.proxy.records import Records
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.session.events import RecordExecution, RecordOutcome, RecordRefusal
from tests.proxy import known
from tests.proxy.stage import failing

SSN = Mask("redact", "pii.ssn")
SQL = "SELECT ssn FROM customers WHERE ssn = '123-45-6789'"


class Ledger:
    """Records over a real log, and what is in it."""

    def __init__(self, directory: Path) -> None:
        self.log = AuditLog(directory, "proxy")
        self.metrics = Metrics(process=False)
        services = Services(
            config=cast("Any", None),
            judge=cast("Any", None),
            prover=cast("Any", None),
            broker=cast("Any", None),
            budgets=cast("Any", None),
            audit=self.log,
            metrics=self.metrics,
            mock_secret=b"",
            link=lambda request: request,
            cancel=cast("Any", None),
        )
        self.records = Records(services, "ses_1")
        self.records.principal = known.principal()
        self.records.database, self.records.role = "shop", "pgmaskproxy"

    def written(self, *kinds: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.path.read_text(encoding="utf-8").splitlines()]
        return [each for each in found if each["kind"] in kinds or not kinds]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"pgmaskproxy_{name}", labels) or 0.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    yield made
    made.log.close()


def ruling(*effects: Effect, outcome: Outcome = Outcome.ALLOW) -> Ruling:
    analysis = Analysis(
        kind="SelectStmt", effects=frozenset(effects), redacted="SELECT ssn FROM customers WHERE ssn = ?"
    )
    decision = Decision(outcome, (RuleRef("reads"),), "allowed by reads", masks=(SSN,), policy_version="v1")
    return Ruling(SQL, 0, analysis, decision, 1)


READ = ruling(Effect.READ)


def execution(serial: int = 1, of: Ruling = READ, request: str = "") -> RecordExecution:
    return RecordExecution(7, serial, of, (SSN, None), 2, request)


def outcome(serial: int = 1) -> RecordOutcome:
    return RecordOutcome(serial, READ, "SELECT 3", "", 3, 4, 5)


def test_an_execution_is_decided_then_executing_then_finished(ledger: Ledger) -> None:
    batch, durable = ledger.records.execution(execution())
    assert not durable
    assert ledger.records.write(batch) is None
    ledger.records.write(ledger.records.outcome(outcome()))
    decided, executing, finished = ledger.written("statement.decided", "statement.executing", "statement.finished")
    assert decided["ids"] == executing["ids"] == finished["ids"]
    assert set(decided["ids"]) == {"session", "statement", "principal"}
    assert decided["data"]["sql"] == "SELECT ssn FROM customers WHERE ssn = ?"
    assert executing["data"] == {"masks": ["pii.ssn:redact", None], "conflicts": 2}
    assert (finished["data"]["tag"], finished["data"]["rows"], finished["data"]["masked_cells"]) == ("SELECT 3", 3, 4)
    assert ledger.records.statements == 1


def test_no_value_is_in_it(ledger: Ledger) -> None:
    batch, _ = ledger.records.execution(execution())
    ledger.records.write(batch)
    ledger.records.refusal(RecordRefusal(2, Refusal("42501", "no"), READ, SQL))
    ledger.records.refusal(RecordRefusal(3, Refusal("42601", "syntax error"), None, SQL))
    assert b"123-45" not in ledger.log.path.read_bytes()


@pytest.mark.parametrize(
    ("effects", "request_id", "durable"),
    [
        ((Effect.READ,), "", False),
        ((), "", False),
        ((Effect.READ, Effect.WRITE), "", True),
        ((Effect.SESSION,), "", True),
        ((Effect.UNKNOWN,), "", True),
        ((Effect.READ,), "apr_1", True),
    ],
)
def test_all_but_plain_reads_must_survive_a_power_cut(
    ledger: Ledger, effects: tuple[Effect, ...], request_id: str, durable: bool
) -> None:
    assert ledger.records.execution(execution(of=ruling(*effects), request=request_id))[1] is durable


def test_a_statement_is_decided_once_however_often_it_is_asked(ledger: Ledger) -> None:
    """A held one is decided before the request, and not again before it runs."""
    assert [each.kind for each in ledger.records.decided(1, READ)] == [DECIDED]
    assert [each.kind for each in ledger.records.execution(execution())[0]] == [EXECUTING]
    assert ledger.records.decided(1, READ) == []


def test_each_execution_of_a_statement_has_an_id_of_its_own(ledger: Ledger) -> None:
    for _ in range(2):
        batch, _durable = ledger.records.execution(execution(serial=1))
        ledger.records.write(batch)
        ledger.records.write(ledger.records.outcome(outcome(serial=1)))
    ids = [each["ids"]["statement"] for each in ledger.written("statement.decided")]
    assert len(set(ids)) == 2


def test_a_refusal_is_recorded_as_denied_with_its_rule_and_code(ledger: Ledger) -> None:
    held = ruling(Effect.READ, outcome=Outcome.HOLD)
    ledger.records.refusal(RecordRefusal(1, Refusal("42501", "rejected"), held, SQL))
    (decided,) = ledger.written("statement.decided")
    assert decided["data"]["outcome"] == "deny"
    assert (decided["data"]["sqlstate"], decided["data"]["rules"]) == ("42501", ["reads"])
    assert decided["data"]["reason"] == "rejected"
    assert ledger.count("statements_total", database="shop", kind="SelectStmt", decision="deny") == 1


def test_what_could_not_be_read_is_recorded_as_unknown(ledger: Ledger) -> None:
    ledger.records.refusal(RecordRefusal(1, Refusal("42601", "syntax error"), None, SQL))
    (decided,) = ledger.written("statement.decided")
    assert (decided["data"]["effects"], decided["data"]["sql"]) == (["UNKNOWN"], "")


@pytest.mark.parametrize(("path", "sqlstate"), [("/dev/full", "53100"), ("/dev/null", "58030")])
async def test_what_cannot_be_written_is_a_refusal(ledger: Ledger, path: str, sqlstate: str) -> None:
    event = AuditEvent("statement.decided", session="ses_1")
    with failing(ledger.log, path):
        refusal = ledger.records.write([event])
        assert refusal is not None
        assert refusal.sqlstate == sqlstate
        assert await ledger.records.write_durably([event]) is not None
    assert ledger.records.write([event]) is None
    assert await ledger.records.write_durably([event]) is None
    assert ledger.count("audit_events_total", sink="file", outcome="failed") == 2
    assert ledger.count("audit_events_total", sink="file", outcome="written") == 2


def test_a_refusal_stands_when_it_cannot_be_written(ledger: Ledger) -> None:
    with failing(ledger.log):
        ledger.records.refusal(RecordRefusal(1, Refusal("42501", "no"), READ, SQL))
        ledger.records.write(ledger.records.outcome(outcome()))
    assert len(ledger.written()) == 1, "the genesis record"


def test_nothing_is_kept_of_what_has_ended(ledger: Ledger) -> None:
    records = ledger.records
    for serial in range(1, 50):
        batch, _ = records.execution(execution(serial))
        records.write(batch)
        records.outcome(outcome(serial))
        records.refusal(RecordRefusal(1000 + serial, Refusal("42501", "no"), READ, SQL))
    assert not records._noted


def test_numbers_reach_the_metrics(ledger: Ledger) -> None:
    batch, _ = ledger.records.execution(execution())
    ledger.records.write(batch)
    ledger.records.write(ledger.records.outcome(outcome()))
    assert ledger.count("statements_total", database="shop", kind="SelectStmt", decision="allow") == 1
    assert ledger.count("rows_total") == 3
    assert ledger.count("cells_masked_total") == 4
    assert ledger.count("lineage_disagreements_total", what="conflict") == 2
