"""Labels carried over the corpus schema: from a few declared columns to all where the values appear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import ColumnLabels, ColumnRef
from pgmaskproxy.sql.catalog import Catalog, Column, Relation
from pgmaskproxy.sql.closure import close_labels
from tests.sql.conftest import deep


def ref(text: str) -> ColumnRef:
    table, _, name = text.partition(".")
    return ColumnRef("public", table, name)


def close(catalog: Catalog, **declared: str) -> dict[str, str]:
    given = {ref(column.replace("__", ".")): frozenset({label}) for column, label in declared.items()}
    closed = deep(lambda: close_labels(catalog, given))
    return {
        f"{column.table}.{column.column}": " ".join(sorted(found.labels)) + (" derived" if found.derived else "")
        for column, found in closed.items()
        if column.schema == "public"
    }


@pytest.mark.parametrize("which", ["catalog", "catalog18"])
def test_the_corpus_schema(which: str, request: pytest.FixtureRequest) -> None:
    catalog = request.getfixturevalue(which)
    assert close(catalog, customers__ssn="ssn", customers__email="email", people__ssn="ssn", gen__ssn="ssn") == {
        "customers.email": "email",
        "customers.ssn": "ssn",
        "customers_vip.email": "email",
        "customers_vip.ssn": "ssn",
        "gen.ssn": "ssn",
        "gen.ssn_copy": "ssn derived",
        "mv_customers.email": "email",
        "mv_customers.s": "ssn",
        "people.ssn": "ssn",
        "people_eu.ssn": "ssn",
        "people_us.ssn": "ssn",
        "tax_filings.ssn": "ssn",
        "v_customers.tax_no": "ssn",
        "v_customers.uemail": "email derived",
    }


def test_both_ways_and_onwards(catalog: Catalog) -> None:
    closed = close(catalog, tax_filings__ssn="ssn")
    assert closed["customers.ssn"] == "ssn"
    assert closed["v_customers.tax_no"] == "ssn"


def test_what_is_computed_stays_computed_even_where_it_is_declared_too(catalog: Catalog) -> None:
    changed = with_view(catalog, "SELECT id, name, left(ssn, 4) AS tax_no, email FROM public.customers")
    assert close(changed, customers__ssn="ssn", v_customers__tax_no="ssn")["v_customers.tax_no"] == "ssn derived"


def test_a_column_of_its_own_label_gets_the_others_too(catalog: Catalog) -> None:
    closed = close(catalog, customers__ssn="ssn", mv_customers__s="other")
    assert closed["mv_customers.s"] == "other ssn"


def test_a_column_that_holds_rows_holds_all_that_is_labelled_in_them(catalog: Catalog) -> None:
    customers = catalog.by_name["public", "customers"]
    log = Relation(70_000, "public", "log", "r", (Column(1, "at", 1184), Column(2, "old", 1, rows_of=(customers.oid,))))
    nested = Relation(70_001, "public", "nested", "r", (Column(1, "logs", 1, rows_of=(70_000, customers.oid)),))
    found = close(replace(catalog, relations=(*catalog.relations, log, nested)), customers__ssn="ssn")
    assert found["log.old"] == found["nested.logs"] == "ssn derived"
    assert "log.at" not in found


def test_nothing_declared_nothing_closed(catalog: Catalog) -> None:
    assert deep(lambda: close_labels(catalog, {ref("orders.memo"): frozenset()})) == {}


def with_view(catalog: Catalog, definition: str) -> Catalog:
    changed = tuple(
        replace(relation, definition=definition) if relation.name == "v_customers" else relation
        for relation in catalog.relations
    )
    return replace(catalog, relations=changed)


def test_an_opaque_view_column_is_derived_from_all_that_the_view_reads(catalog: Catalog) -> None:
    changed = with_view(catalog, "SELECT id, name, public.f_sql(id), name FROM public.customers")
    closed = close(changed, customers__ssn="ssn")
    assert closed["v_customers.tax_no"] == "ssn derived"
    assert "v_customers.name" not in closed


def test_a_view_that_cannot_be_read_is_derived_from_everything(catalog: Catalog) -> None:
    closed = close(with_view(catalog, "SELEKT"), people__ssn="ssn")
    assert closed["v_customers.id"] == "ssn derived"


def test_an_expression_that_cannot_be_read_takes_the_whole_row(catalog: Catalog) -> None:
    changed = tuple(
        replace(relation, columns=tuple(replace(c, expression="(((") if c.generated else c for c in relation.columns))
        for relation in catalog.relations
    )
    assert close(replace(catalog, relations=changed), gen__id="x")["gen.ssn_copy"] == "x derived"


def test_labels_are_the_shared_noun(catalog: Catalog) -> None:
    closed = deep(lambda: close_labels(catalog, {ref("customers.ssn"): frozenset({"ssn"})}))
    assert closed[ref("customers.ssn")] == ColumnLabels(frozenset({"ssn"}))


def test_long_values_live_in_a_table_of_their_own(catalog: Catalog) -> None:
    closed = deep(lambda: close_labels(catalog, {ref("customers.ssn"): frozenset({"ssn"})}))
    toast = f"pg_toast_{catalog.by_name['public', 'customers'].oid}"
    assert closed[ColumnRef("pg_toast", toast, "chunk_data")] == ColumnLabels(frozenset({"ssn"}), derived=True)
    assert ColumnRef("pg_toast", toast, "chunk_id") not in closed
