"""The server's word in the text's place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Analysis, ColumnRef, Columns, ColumnUse, Constant, Effect, Opaque, RelationRef, Use
from pgmaskproxy.sql.attest.attestation import Attestation, Called, Output, TreeUse
from pgmaskproxy.sql.attest.labelling import Names
from pgmaskproxy.sql.attest.proven import Unread, Witness, certain, proven
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.catalog import Catalog, Column, ForeignKey, Function, Index, Relation

CUSTOMERS, ORDERS, VIEW, SYSTEM, F = 20_001, 20_002, 20_003, 12_000, 20_100
NEXTVAL = 1574
CATALOG = Catalog(
    relations=(
        Relation(CUSTOMERS, "shop", "customers", "r", (Column(1, "id", 23), Column(2, "ssn", 25))),
        Relation(ORDERS, "shop", "orders", "r", (Column(1, "id", 23),)),
        Relation(VIEW, "shop", "recent", "v", (Column(1, "id", 23),)),
        Relation(SYSTEM, "pg_catalog", "pg_stat_x", "v", (Column(1, "id", 23),)),
    ),
    functions=(Function(F, "shop", "f", ""),),
    version=180_000,
)
SHOP_CUSTOMERS = RelationRef("shop", "customers")
SSN = ColumnRef("shop", "customers", "ssn")
WITNESS = Witness(CATALOG, Names(CATALOG.column_refs()), frozenset({SHOP_CUSTOMERS}))
TEXT = Analysis(
    "SelectStmt",
    frozenset({Effect.READ, Effect.ROUTINE}),
    reads=frozenset({RelationRef("", "nowhere")}),
    outputs=(Opaque("a guess"),),
    uses=(ColumnUse(ColumnRef("", "", "x"), Use.PREDICATE, "WHERE"),),
    functions=frozenset({"shop.f"}),
    opaque="a guess",
    called_effects=frozenset({Effect.ROUTINE}),
    canonical="SELECT 1",
)
OWN = Attestation(
    "SELECT",
    (Output(frozenset({(CUSTOMERS, 2)}), pure=True), Output()),
    (TreeUse((CUSTOMERS, 1), Use.EQUALITY, "WHERE"), TreeUse((CUSTOMERS, 2), Use.PREDICATE, "WHERE", view=VIEW)),
    reads=frozenset({CUSTOMERS, VIEW, ORDERS}),
    named=frozenset({CUSTOMERS, VIEW}),
)


def test_what_is_read_shown_used_and_called_is_the_trees() -> None:
    found = proven(TEXT, OWN, (), WITNESS)
    assert found.outputs == (Columns(frozenset({SSN})), Constant())
    assert found.uses == (ColumnUse(ColumnRef("shop", "customers", "id"), Use.EQUALITY, "WHERE"),)
    assert found.reads == {SHOP_CUSTOMERS, RelationRef("shop", "recent")}
    assert found.effects == {Effect.READ}
    assert found.functions == frozenset()
    assert found.opaque == ""
    assert (found.kind, found.canonical) == (TEXT.kind, TEXT.canonical)


def test_the_texts_own_effects_stay() -> None:
    text = replace(TEXT, effects=frozenset({Effect.EXPORT, Effect.UNKNOWN, Effect.ROUTINE}))
    assert proven(text, OWN, (), WITNESS).effects == {Effect.READ, Effect.EXPORT, Effect.UNKNOWN}


def test_effects_of_what_is_called_by_oid() -> None:
    found = proven(TEXT, replace(OWN, called=Called(functions=frozenset({F}))), (), WITNESS)
    assert found.effects == {Effect.READ, Effect.ROUTINE}
    assert found.functions == {"shop.f"}
    unknown = proven(TEXT, replace(OWN, called=Called(functions=frozenset({99_999}))), (), WITNESS)
    assert Effect.UNKNOWN in unknown.effects
    assert "99999" in unknown.opaque


def test_what_a_function_returns_is_not_known_and_a_bare_column_is() -> None:
    found = proven(TEXT, replace(OWN, called=Called(functions=frozenset({F}))), (), WITNESS)
    assert found.outputs == (Columns(frozenset({SSN})), Opaque("the result of shop.f()"))
    assert found.opaque == "the result of shop.f()"
    counted = proven(TEXT, replace(OWN, called=Called(functions=frozenset({NEXTVAL}))), (), WITNESS)
    assert (counted.outputs or ())[1] == Constant()
    assert counted.effects >= {Effect.WRITE}


def test_a_function_in_a_columns_default_is_its_authors_doing_unless_the_text_calls_it_too() -> None:
    orders = replace(CATALOG.by_oid[ORDERS], default_functions=(F,))
    catalog = replace(CATALOG, relations=(CATALOG.by_oid[CUSTOMERS], orders))
    witness = Witness(catalog, WITNESS.names, WITNESS.labelled)
    text = replace(TEXT, kind="InsertStmt", effects=frozenset({Effect.WRITE}), functions=frozenset())
    inserted = Attestation(
        "INSERT", writes=frozenset({(ORDERS, "INSERT")}), called=Called(functions=frozenset({F, NEXTVAL}))
    )
    assert proven(text, inserted, (), witness).effects == {Effect.WRITE}
    named = replace(text, functions=frozenset({"other.f"}))
    assert Effect.ROUTINE in proven(named, inserted, (), witness).effects
    elsewhere = replace(inserted, writes=frozenset({(CUSTOMERS, "INSERT")}))
    assert Effect.ROUTINE in proven(text, elsewhere, (), witness).effects


def test_a_harmless_function_keeps_the_name_that_a_rule_may_deny() -> None:
    text = replace(TEXT, functions=frozenset({"pg_catalog.random", "shop.f"}))
    assert proven(text, OWN, (), WITNESS).functions == {"pg_catalog.random"}


def test_what_a_view_calls_counts_unless_it_ships_with_the_server() -> None:
    calls = Called(functions=frozenset({F}))
    assert Effect.ROUTINE in proven(TEXT, replace(OWN, viewed=((VIEW, calls),)), (), WITNESS).effects
    assert Effect.ROUTINE not in proven(TEXT, replace(OWN, viewed=((SYSTEM, calls),)), (), WITNESS).effects


def test_writes_are_the_trees() -> None:
    text = replace(TEXT, kind="UpdateStmt")
    found = proven(text, replace(OWN, command="UPDATE", writes=frozenset({(ORDERS, "UPDATE")})), (), WITNESS)
    assert found.writes == {RelationRef("shop", "orders")}
    assert Effect.WRITE in found.effects


def test_explain_reads_all_that_is_under_its_views() -> None:
    text = replace(TEXT, kind="ExplainStmt", outputs=(Constant(),))
    found = proven(text, OWN, (), WITNESS)
    assert RelationRef("shop", "orders") in found.reads
    assert found.outputs == (Constant(),)


def test_a_tree_of_another_statement_proves_nothing() -> None:
    with pytest.raises(Unattestable, match="is of DELETE"):
        proven(TEXT, replace(OWN, command="DELETE"), (), WITNESS)
    assert proven(TEXT, replace(OWN, command="NOTHING"), (), WITNESS).kind == "SelectStmt"


def test_a_relation_that_the_catalog_does_not_have() -> None:
    with pytest.raises(Unread):
        proven(TEXT, replace(OWN, named=frozenset({30_000})), (), WITNESS)
    with pytest.raises(Unread):
        proven(TEXT, OWN, (Attestation("SELECT", reads=frozenset({30_000})),), WITNESS)


def test_bodies_of_functions_may_neither_write_nor_read_what_is_labelled() -> None:
    assert proven(TEXT, OWN, (Attestation("SELECT", reads=frozenset({ORDERS})),), WITNESS).opaque == ""
    reads = proven(TEXT, OWN, (Attestation("SELECT", reads=frozenset({CUSTOMERS})),), WITNESS)
    assert "reads shop.customers" in reads.opaque
    writes = proven(TEXT, OWN, (Attestation("INSERT", writes=frozenset({(ORDERS, "INSERT")})),), WITNESS)
    assert "writes" in writes.opaque


def test_what_the_text_says_for_certain() -> None:
    sure = certain(replace(TEXT, outputs=(Opaque("a guess"), Columns(frozenset({SSN})))))
    assert sure.outputs == (Constant(), Columns(frozenset({SSN})))
    assert sure.effects == {Effect.READ}
    assert not any((sure.functions, sure.opaque, sure.uses, sure.reads))
    assert certain(replace(TEXT, outputs=None)).outputs is None


def test_what_constraints_and_indexes_tell_is_a_use() -> None:
    ssn = ColumnRef("shop", "customers", "ssn")
    indexed = replace(CATALOG.relations[0], indexes=(Index((2,), (2,), scanned=True),))
    keyed = replace(CATALOG.relations[1], foreign_keys=(ForeignKey((1,), CUSTOMERS, (2,)),))
    catalog = replace(CATALOG, relations=(indexed, keyed, *CATALOG.relations[2:]))
    witness = Witness(catalog, WITNESS.names, WITNESS.labelled)
    tested = replace(OWN, uses=(), null_tests=frozenset({(CUSTOMERS, 2)}))
    ordered = ColumnUse(ssn, Use.ORDERING, "IS [NOT] NULL over an index")
    assert proven(TEXT, tested, (), witness).uses == (ordered,)
    key = ColumnUse(ColumnRef("shop", "orders", "id"), Use.PREDICATE, "a foreign key of shop.orders")
    for kind, command, where, told in (
        ("DeleteStmt", "DELETE", "", True),
        ("UpdateStmt", "UPDATE", "UPDATE", True),
        ("InsertStmt", "INSERT", "INSERT", False),
    ):
        uses = (TreeUse((CUSTOMERS, 2), Use.WRITTEN, where),) if where else ()
        own = replace(OWN, command=command, uses=uses, writes=frozenset({(CUSTOMERS, command)}))
        assert (key in proven(replace(TEXT, kind=kind), own, (), witness).uses) is told


def test_the_text_does_not_know_for_certain_in_which_order_rows_come() -> None:
    uses = (ColumnUse(SSN, Use.ORDERING, "IS [NOT] NULL over an index"), ColumnUse(SSN, Use.ORDERING, "ORDER BY"))
    assert certain(replace(TEXT, uses=uses)).uses == uses[1:]
