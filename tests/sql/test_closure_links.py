"""The links that carry labels, one at a time."""

from __future__ import annotations

from pgmaskproxy.model import ColumnLabels, ColumnRef
from pgmaskproxy.sql.catalog import Catalog, Column, Relation
from pgmaskproxy.sql.closure import _Closing, close_labels
from tests.sql.conftest import deep

SSN = frozenset({"ssn"})


def table(oid: int, name: str, *columns: Column, parents: tuple[int, ...] = ()) -> Relation:
    return Relation(oid=oid, schema="public", name=name, kind="r", columns=columns, owner="o", parents=parents)


def closed(catalog: Catalog, declared: str) -> dict[str, ColumnLabels]:
    relation, _, column = declared.partition(".")
    found = deep(lambda: close_labels(catalog, {ColumnRef("public", relation, column): SSN}))
    return {f"{each.table}.{each.column}": labels for each, labels in found.items()}


def test_what_is_labelled_in_a_child_is_labelled_in_its_parent() -> None:
    parent = table(1, "parent", Column(1, "id", 23), Column(2, "ssn", 25))
    child = table(2, "child", Column(1, "ssn", 25), Column(2, "id", 23), parents=(1,))
    both = {"parent.ssn": ColumnLabels(SSN), "child.ssn": ColumnLabels(SSN)}
    assert closed(Catalog(relations=(parent, child)), "child.ssn") == both
    assert closed(Catalog(relations=(parent, child)), "parent.ssn") == both


def test_a_generated_column_without_its_expression_is_made_of_all_others() -> None:
    made = Column(2, "made", 25, generated="s", expression="")
    assert closed(Catalog(relations=(table(1, "t", Column(1, "ssn", 25), made),)), "t.ssn") == {
        "t.ssn": ColumnLabels(SSN),
        "t.made": ColumnLabels(SSN, derived=True),
    }


def test_computed_once_is_computed_for_good() -> None:
    closing = _Closing(Catalog(relations=(table(1, "t", Column(1, "ssn", 25)),)))
    closing.give((1, 1), ColumnLabels(SSN, derived=True))
    closing.give((1, 1), ColumnLabels(frozenset({"email"})))
    assert closing.found[1, 1] == ColumnLabels(frozenset({"email", "ssn"}), derived=True)
