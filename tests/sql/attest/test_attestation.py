"""An attestation in the making."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest import attestation
from pgmaskproxy.sql.attest.attestation import Calls, Findings, Kind, Output
from pgmaskproxy.sql.attest.flows import Flow
from pgmaskproxy.sql.attest.refusal import Unattestable
from tests.sql.conftest import interpreted

COLUMN = frozenset({(1, 1)})


def test_the_kind_of_an_output_is_the_worst() -> None:
    assert Output().kind is Kind.CLEAN
    assert Output(bare=COLUMN).kind is Kind.BARE
    assert Output(bare=COLUMN, derived=COLUMN).kind is Kind.DERIVED


def test_uses_are_kept_once_and_system_columns_never() -> None:
    findings = Findings()
    for _ in range(2):
        findings.use((1, 1), Use.PREDICATE, "WHERE")
        findings.use((1, -1), Use.PREDICATE, "WHERE")
        findings.use((1, 0), Use.PREDICATE, "WHERE")
    findings.use_all(Flow(COLUMN, frozenset({(1, 2)})), Use.ORDERING, "ORDER BY")
    assert [(use.column, use.use) for use in findings.uses] == [
        ((1, 1), Use.PREDICATE),
        ((1, 0), Use.PREDICATE),
        ((1, 1), Use.ORDERING),
        ((1, 2), Use.ORDERING),
    ]


def test_what_is_trusted_is_noted_apart() -> None:
    findings = Findings()
    findings.trusted = True
    findings.use((1, 1), Use.PREDICATE, "WHERE")
    findings.running.functions.add(7)
    assert not findings.uses
    assert findings.trusted_calls.called().functions == {7}
    assert findings.calls.called().functions == frozenset()


def test_places_are_numbered_once() -> None:
    findings, one, other = Findings(), object(), object()
    assert findings.place(one) == findings.place(one) != findings.place(other)


def test_no_oid_is_zero() -> None:
    calls = Calls()
    for found in (calls.functions, calls.operators, calls.classes):
        found.update((0, 5))
    called = calls.called()
    assert called.functions == called.operators == called.classes == {5}


@interpreted
def test_steps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attestation, "MAX_STEPS", 2)
    findings = Findings()
    findings.step()
    findings.step()
    with pytest.raises(Unattestable) as refused:
        findings.step()
    assert refused.value.sqlstate == "54001"
