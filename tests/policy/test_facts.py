from __future__ import annotations

from pgmaskproxy.model import Analysis, ColumnRef, Constant, Effect, Opaque, Use
from tests.policy.shop import (
    CARD,
    CUSTOMERS,
    EMAIL,
    FRAUD,
    ID,
    NAME,
    ORDERS,
    SSN,
    STATUS,
    bare,
    column,
    facts,
    select,
    update,
    used,
)


def test_reading_and_writing_are_effects_even_when_not_said() -> None:
    assert facts(select(bare(ID), effects=frozenset())).effects == {Effect.READ}
    assert facts(update(effects=frozenset())).effects == {Effect.WRITE}
    assert facts(update(effects=frozenset({Effect.DDL}))).effects == {Effect.DDL}


def test_a_statement_that_says_nothing_is_unknown() -> None:
    assert facts(Analysis("StrangeStmt", frozenset())).effects == {Effect.UNKNOWN}
    assert facts(Analysis("", frozenset())).effects == frozenset()


def test_a_copy_of_a_labelled_column_is_an_export() -> None:
    copied = used(SSN, Use.WRITE, target=NAME)
    assert Effect.EXPORT in facts(update(copied)).effects
    assert Effect.EXPORT not in facts(update(used(ID, Use.WRITE, target=NAME))).effects
    assert Effect.EXPORT not in facts(update(used(SSN, Use.WRITTEN))).effects


def test_a_copy_of_unknown_columns_out_of_a_labelled_relation_is_an_export() -> None:
    unknown = Analysis("InsertStmt", frozenset({Effect.WRITE}), frozenset({CUSTOMERS}), frozenset({ORDERS}), opaque="?")
    assert Effect.EXPORT in facts(unknown).effects
    clean = Analysis("InsertStmt", frozenset({Effect.WRITE}), frozenset(), frozenset({ORDERS}), opaque="?")
    assert Effect.EXPORT not in facts(clean).effects


def test_create_table_as_exports_what_its_query_shows() -> None:
    table_as = select(bare(EMAIL), kind="CreateTableAsStmt", effects=frozenset({Effect.DDL}))
    assert Effect.EXPORT in facts(table_as).effects
    assert (
        Effect.EXPORT not in facts(select(bare(ID), kind="CreateTableAsStmt", effects=frozenset({Effect.DDL}))).effects
    )


def test_a_whole_row_has_all_labels_and_is_derived() -> None:
    row = facts(select()).labels(ColumnRef("shop", "customers", ""))
    assert row.labels == {"pii.ssn", "pii.email", "pii.card"}
    assert row.derived


def test_what_is_not_known_is_opaque() -> None:
    assert facts(select(bare(ID))).opaque == ""
    assert facts(select(Opaque("why"))).opaque == "why"
    assert facts(select(opaque="why")).opaque == "why"
    assert facts(select(bare(column("id", schema="")))).opaque


def test_labels_of_a_statement() -> None:
    statement = select(bare(SSN), Constant(frozenset({CARD})), uses=[used(EMAIL, Use.COUNT)])
    assert facts(statement).all_labels == ("pii.card", "pii.email", "pii.ssn")
    assert facts(select(bare(ID))).all_labels == ()
    assert facts(select(Opaque("?"))).all_labels == ("pii.card", "pii.email", "pii.ssn")
    assert facts(update(used(SSN, Use.WRITTEN))).all_labels == ("pii.ssn",)


def test_clearance_is_for_all_labels() -> None:
    assert facts(select(), principal=FRAUD).clears({"pii.ssn", "pii.email"})
    assert not facts(select(), principal=FRAUD).clears({"pii.ssn", "pii.card"})
    assert not facts(select(), principal=FRAUD).clears({"pii.gone"})
    assert facts(select()).clears(())


def test_a_relation_is_secret_to_whom_is_not_cleared() -> None:
    assert facts(select()).secret(CUSTOMERS)
    assert not facts(select(), principal=FRAUD).secret(ORDERS)
    assert facts(select(), principal=FRAUD).secret(CUSTOMERS)


def test_sources_are_not_targets() -> None:
    statement = update(used(STATUS, Use.WRITTEN), used(ID, Use.PREDICATE))
    assert facts(statement).written == {STATUS}
    assert facts(statement).sources == {ID}
