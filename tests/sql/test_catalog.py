"""The snapshot: resolution, and the way to JSON and back."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.sql.catalog import Catalog, Column, Relation


def test_resolve_follows_the_search_path(catalog: Catalog) -> None:
    found = catalog.resolve(("pg_catalog", "public"), None, "customers")
    assert found is not None
    assert str(found.ref) == "public.customers"
    assert catalog.resolve(("pg_catalog",), None, "customers") is None
    assert catalog.resolve((), "public", "customers") is found


def test_the_first_on_the_path_wins() -> None:
    one, two = (Relation(oid, schema, "t", "r", (Column(1, "a", 25),)) for oid, schema in ((1, "a"), (2, "b")))
    catalog = Catalog((one, two))
    assert catalog.resolve(("b", "a"), None, "t") is two


def test_system_relations_are_in_it(catalog: Catalog) -> None:
    assert catalog.resolve(("pg_catalog",), None, "pg_class") is not None
    assert catalog.resolve((), "information_schema", "columns") is not None


def test_columns_by_number(catalog: Catalog) -> None:
    customers = catalog.by_name["public", "customers"]
    assert catalog.column_refs()[customers.oid, 4] == ColumnRef("public", "customers", "ssn")
    assert customers.oid in catalog.relation_oids()


def test_json_and_back(catalog: Catalog, catalog18: Catalog) -> None:
    assert Catalog.from_json(catalog.to_json()) == catalog
    assert Catalog.from_json(catalog18.to_json()) == catalog18


@pytest.mark.parametrize("text", ["", "{}", '{"version": 1, "database": "", "schemas": []}\n{"relation": {"oid": 1}}'])
def test_what_is_no_snapshot(text: str) -> None:
    with pytest.raises(ValueError, match="not a catalog snapshot"):
        Catalog.from_json(text)
