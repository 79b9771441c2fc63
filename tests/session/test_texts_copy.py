"""Whatever policy says: what cannot be carried is refused, and says what would work (DESIGN 8)."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, CopyLayout, CopyShape, Decision, Effect, Outcome, Refusal, Ruling
from pgmaskproxy.session.texts import supported
from tests.session.rulings import PATH


def refusal(copy: CopyShape | None) -> Refusal | None:
    analysis = Analysis("CopyStmt", frozenset({Effect.READ}), copy=copy)
    return supported(Ruling("COPY t", 0, analysis, Decision(Outcome.ALLOW), 1, PATH)).decision.refusal


@pytest.mark.parametrize("layout", [CopyLayout(), CopyLayout("csv", ",", ""), CopyLayout("binary")], ids=str)
@pytest.mark.parametrize("to_stdout", [True, False])
def test_every_format_flows_both_ways(layout: CopyLayout, to_stdout: bool) -> None:
    assert refusal(CopyShape(to_stdout, "SELECT 1", 1, layout)) is None


@pytest.mark.parametrize("to_stdout", [True, False])
@pytest.mark.parametrize(
    ("unsupported", "hint"),
    [("an ENCODING other than UTF8", "UTF8 only"), ("NULL with the quote in it", "FORCE_QUOTE")],
)
def test_an_option_that_cannot_be_carried_is_named(to_stdout: bool, unsupported: str, hint: str) -> None:
    found = refusal(CopyShape(to_stdout, "SELECT 1", 1, CopyLayout(), unsupported))
    assert found is not None
    assert found.sqlstate == "0A000"
    assert unsupported in found.message
    assert dict(found.facts) == {"why": "unsupported", "construct": f"COPY with {unsupported}"}
    assert hint in found.hint


def test_a_file_or_program_never_flows() -> None:
    found = refusal(None)
    assert found is not None
    assert found.sqlstate == "0A000"
    assert "STDIN" in found.hint
