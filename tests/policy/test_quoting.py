"""When the server's own text about a statement could quote a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Analysis, Constant, Effect, Quotable, RelationRef, TransactionVerb
from pgmaskproxy.policy.quoting import could_quote
from tests.policy.shop import AGENT, CUSTOMERS, FRAUD, SUPPORT, facts, select, update

PLAIN = RelationRef("shop", "products")
LOGGED = RelationRef("shop", "logged")
LINKED = RelationRef("shop", "linked")
NEW = RelationRef("", "new")
NONE: frozenset[str] = frozenset()
QUOTABLE = Quotable(
    reading={PLAIN: NONE, LOGGED: NONE, LINKED: NONE, CUSTOMERS: frozenset({"pii.ssn", "pii.email"})},
    writing={PLAIN: NONE, LOGGED: None, LINKED: frozenset({"pii.email"}), CUSTOMERS: frozenset({"pii.email"})},
)


def statement(kind: str, *effects: Effect, **more: object) -> Analysis:
    return replace(Analysis(kind, frozenset(effects)), **more)  # type: ignore[arg-type]


def ddl(kind: str, *relations: RelationRef) -> Analysis:
    return statement(kind, Effect.DDL, writes=frozenset(relations))


COMMIT = statement("TransactionStmt", Effect.TRANSACTION, transaction=TransactionVerb.COMMIT)


@pytest.mark.parametrize(
    ("analysis", "quotes"),
    [
        (select(reads=[PLAIN]), False),
        (select(reads=[PLAIN, CUSTOMERS]), True),
        (select(Constant(), reads=()), False),
        (select(reads=[LOGGED]), False),
        (select(reads=[LINKED]), False),
        (select(reads=[RelationRef("shop", "unknown")]), True),
        (select(reads=[PLAIN], opaque="?"), True),
        (select(reads=[PLAIN], effects=frozenset({Effect.READ, Effect.ROUTINE})), True),
        (select(reads=[PLAIN], effects=frozenset({Effect.READ, Effect.UNKNOWN})), True),
        (select(reads=[RelationRef("pg_catalog", "pg_stats")]), True),
        (update(relation=PLAIN), False),
        (update(relation=LOGGED), True),
        (update(relation=LINKED), True),
        (update(relation=CUSTOMERS), True),
        (ddl("AlterTableStmt", PLAIN), False),
        (ddl("AlterTableStmt", CUSTOMERS), True),
        (ddl("AlterTableStmt", NEW), True),
        (ddl("CreateStmt", NEW), False),
        (ddl("CreateStmt", NEW, CUSTOMERS), True),
        (ddl("IndexStmt", PLAIN), False),
        (ddl("RefreshMatViewStmt", PLAIN), True),
        (ddl("AlterDomainStmt"), True),
        (statement("VacuumStmt", Effect.ADMIN, writes=frozenset({PLAIN})), True),
        (COMMIT, True),
        (replace(COMMIT, transaction=TransactionVerb.PREPARED), True),
        (replace(COMMIT, transaction=TransactionVerb.ROLLBACK), False),
        (replace(COMMIT, transaction=TransactionVerb.BEGIN), False),
        (statement("ConstraintsSetStmt", Effect.SESSION), True),
        (statement("VariableSetStmt", Effect.SESSION), False),
    ],
)
def test_what_could_be_quoted(analysis: Analysis, *, quotes: bool) -> None:
    assert could_quote(facts(analysis), QUOTABLE) is quotes


def test_nothing_is_withheld_from_who_may_see_it() -> None:
    for principal, quotes in ((AGENT, True), (FRAUD, False), (SUPPORT, False)):
        assert could_quote(facts(update(relation=LINKED), principal=principal), QUOTABLE) is quotes, principal.name
    # Whatever functions do, they may quote anything.
    assert could_quote(facts(update(relation=LOGGED), principal=FRAUD), QUOTABLE)


def test_without_knowledge_of_the_catalog_every_write_could() -> None:
    assert could_quote(facts(update(relation=PLAIN)), None)
    assert could_quote(facts(ddl("CreateStmt", NEW)), None)
    assert could_quote(facts(select(reads=[CUSTOMERS])), None)
    assert not could_quote(facts(select(reads=[PLAIN])), None)


def test_what_reveals_others_values_could_quote_them() -> None:
    """Whatever the catalog says of the relation itself: it has no column with a label."""
    stats = RelationRef("pg_catalog", "pg_stats")
    quotable = replace(QUOTABLE, reading={**QUOTABLE.reading, stats: NONE})
    assert could_quote(facts(select(reads=[stats])), quotable)
