"""A small labelled shop, and statements over it as the analysis would say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnRef,
    Columns,
    ColumnUse,
    Decision,
    Effect,
    Principal,
    PrincipalKind,
    Refusal,
    RelationRef,
    Statement,
    Use,
)
from pgmaskproxy.policy.engine import decide
from pgmaskproxy.policy.facts import Touched, touched
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Policy

CUSTOMERS = RelationRef("shop", "customers")
ORDERS = RelationRef("shop", "orders")

AGENT = Principal("sales-agent", PrincipalKind.AGENT, frozenset({"agents"}), owner="alice")
SUPPORT = Principal("bob", PrincipalKind.HUMAN, frozenset({"support"}), person="bob")
FRAUD = Principal("carol", PrincipalKind.HUMAN, frozenset({"support", "fraud"}), person="carol")

HEADER = "apiVersion: pgmaskproxy/v1\nkind: Policy\n"
LABELS = """
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}, clear_for: ["group:fraud"], uses: {null_test: allow}}
  pii.email:
    columns: ["*.*.email"]
    mask: {kind: email}
    clear_for: ["group:support"]
    uses: {null_test: allow, count: allow, equality: allow}
  pii.card: {columns: ["*.*.card"], mask: {kind: partial, last: 4}}
"""
READS = """
rules:
  - {id: reads, effects: [READ], relations: ["shop.*"], decide: allow}
"""
WRITES = """  - {id: writes, effects: [WRITE], relations: ["shop.*"], decide: allow}
"""


def column(name: str, table: str = "customers", schema: str = "shop") -> ColumnRef:
    return ColumnRef(schema, table, name)


ID, NAME, SSN, EMAIL, CARD = (column(name) for name in ("id", "name", "ssn", "email", "card"))
STATUS = column("status", "orders")

LABELLING: Mapping[ColumnRef, ColumnLabels] = {
    SSN: ColumnLabels(frozenset({"pii.ssn"})),
    EMAIL: ColumnLabels(frozenset({"pii.email"})),
    CARD: ColumnLabels(frozenset({"pii.card"})),
    column("contact", "orders"): ColumnLabels(frozenset({"pii.email", "pii.ssn"})),
    column("hint", "orders"): ColumnLabels(frozenset({"pii.email"}), derived=True),
}


def policy(text: str = LABELS + READS) -> Policy:
    return load_policies([("p.yaml", HEADER + text)], kinds())


def with_rules(*rules: str) -> Policy:
    return policy(LABELS + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules))


def bare(*columns: ColumnRef, pure: bool = True) -> Columns:
    return Columns(frozenset(columns), pure)


def used(column: ColumnRef, use: Use, where: str = "WHERE", **more: Any) -> ColumnUse:
    return ColumnUse(column, use, where, **more)


def select(
    *outputs: Any, uses: Iterable[ColumnUse] = (), reads: Iterable[RelationRef] = (CUSTOMERS,), **more: Any
) -> Analysis:
    return Analysis(
        kind=more.pop("kind", "SelectStmt"),
        effects=more.pop("effects", frozenset({Effect.READ})),
        reads=frozenset(reads),
        outputs=more.pop("outputs", outputs),
        uses=tuple(uses),
        **more,
    )


def update(*uses: ColumnUse, relation: RelationRef = CUSTOMERS, **more: Any) -> Analysis:
    return Analysis(
        kind=more.pop("kind", "UpdateStmt"),
        effects=more.pop("effects", frozenset({Effect.WRITE})),
        writes=frozenset({relation}),
        uses=uses,
        **more,
    )


def facts(analysis: Analysis, rules: Policy | None = None, principal: Principal = AGENT) -> Touched:
    return touched(rules or policy(), principal, analysis, LABELLING)


def ask(
    analysis: Analysis,
    rules: Policy | None = None,
    principal: Principal = AGENT,
    labelling: Mapping[ColumnRef, ColumnLabels] = LABELLING,
    database: str = "shop",
    *,
    unmask: str = "",
) -> Decision:
    statement = Statement("...", database, principal.name, ("pg_catalog", "shop"), unmask=unmask)
    return decide(rules or policy(), principal, statement, analysis, labelling)


def refusal(decision: Decision) -> Refusal:
    assert decision.refusal is not None, decision
    return decision.refusal
