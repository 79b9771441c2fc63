"""COPY flows in one shape only: whatever policy says, another cannot be carried (DESIGN 8)."""

from __future__ import annotations

from pgmaskproxy.model import Analysis, CopyShape, Decision, Effect, Outcome, Ruling
from pgmaskproxy.session.texts import supported
from tests.session.rulings import PATH


def test_rows_flow_out_in_text_format_or_not_at_all() -> None:
    for to_stdout, text_format, outcome in (
        (True, True, Outcome.ALLOW),
        (True, False, Outcome.DENY),
        (False, False, Outcome.ALLOW),  # what a client sends it has
    ):
        copy = CopyShape(to_stdout, text_format, "SELECT 1", 1)
        analysis = Analysis("CopyStmt", frozenset({Effect.READ}), copy=copy)
        ruling = supported(Ruling("COPY t", 0, analysis, Decision(Outcome.ALLOW), 1, PATH))
        assert ruling.decision.outcome is outcome
