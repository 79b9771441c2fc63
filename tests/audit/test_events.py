"""Every constructor makes a known, recordable event without values."""

from __future__ import annotations

import pytest

from pgmaskproxy.audit import events
from pgmaskproxy.audit.chain import START, decode, encode
from pgmaskproxy.model import (
    Analysis,
    AuditEvent,
    ColumnRef,
    Decision,
    Effect,
    Mask,
    Outcome,
    Principal,
    PrincipalKind,
    Refusal,
    RelationRef,
    RuleRef,
)

CANARY = "536-90-4399"
PRINCIPAL = Principal("bot", PrincipalKind.AGENT, frozenset({"b", "a"}), owner="alice", address="::1")
ANALYSIS = Analysis(
    "SelectStmt",
    frozenset({Effect.READ}),
    reads=frozenset({RelationRef("public", "customers")}),
    canonical=f"SELECT '{CANARY}'",
    redacted="SELECT ?",
    inner=f"SELECT '{CANARY}'",
)
ALLOW = Decision(
    Outcome.ALLOW,
    (RuleRef("reads"),),
    masks=(None, Mask("redact", "pii.ssn")),
    cleared=(ColumnRef("public", "customers", "email"),),
    labels=("pii.ssn",),
)
DENY = Decision(Outcome.DENY, refusal=Refusal("42501", f"no {CANARY}"), masks=None)

MADE = [
    events.server_started("1", "v", "127.0.0.1:6432", "db:5432"),
    events.server_stopped("SIGTERM"),
    events.policy_reloaded("v", taken=False, problems=3),
    events.catalog_refreshed("shop", 12, 6, 2),
    events.session_opened("ses_1", PRINCIPAL, "shop", "psql" + "x" * 500),
    events.session_refused("ses_1", "bot" * 100, "::1", "28P01", "no such user"),
    events.session_closed("ses_1", "bot", "terminate", 4),
    events.session_cancelled("ses_1", "bot", "::1", "apr_1"),
    events.statement_decided(
        "ses_1", "stm_1", "bot", database="shop", role="reader", analysis=ANALYSIS, decision=ALLOW
    ),
    events.statement_decided("ses_1", "stm_1", "bot", database="shop", role="reader", analysis=ANALYSIS, decision=DENY),
    events.statement_executing("ses_1", "stm_1", "bot", masked=[None, "pii.ssn:redact"], conflicts=0, request="apr_1"),
    events.keys_in_force(["masking/2 0a1b2c3d"], ["masking/1 00000000"]),
    events.canary_watched(2, ["can_1", "can_2"], []),
    events.canary_seen("ses_1", "bot", database="shop", canary="can_1", label="pii.ssn", column="shop.customers.ssn"),
    events.person_signed_in("bob", "::1", "token"),
    events.person_refused("bob" * 100, "::1", "wrong password"),
    events.token_created("bob", "tok_1", 1.5),
    events.token_revoked("bob", "tok_1"),
]


@pytest.mark.parametrize("event", MADE, ids=lambda event: event.kind)
def test_known_recordable_and_without_values(event: AuditEvent) -> None:
    assert event.kind in events.KINDS
    line, _ = encode(event, START, 0.0)
    assert decode(line[:-1]).data == event.data
    assert CANARY.encode() not in line
    assert len(line) < 2000


def test_masks_are_told_by_output_and_what_was_shown_clear_too() -> None:
    data = MADE[8].data
    assert data["masks"] == [None, "pii.ssn:redact"]
    assert data["cleared"] == ["public.customers.email"]
    assert MADE[9].data["masks"] is None
    assert MADE[9].data["sqlstate"] == "42501"
