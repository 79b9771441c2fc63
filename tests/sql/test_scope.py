"""Names, as parse_relation.c resolves them."""

from __future__ import annotations

from dataclasses import replace

from pgmaskproxy.model import ColumnOrigin, ColumnRef, Columns, Opaque
from pgmaskproxy.sql.catalog import Column, Relation
from pgmaskproxy.sql.origins import CLEAN, Output
from pgmaskproxy.sql.scope import Item, Scope, find, find_item, local_column


def column(name: str) -> Output:
    return Output(name, Columns(frozenset({ColumnRef("s", "t", name)})))


def item(name: str, *names: str, more: ColumnOrigin | None = None, columns_visible: bool = True) -> Item:
    return Item(name, tuple(column(one) for one in names), more, columns_visible=columns_visible)


TABLE = Relation(1, "s", "t", "r", (Column(1, "ssn", 25),))


def test_a_column_of_an_outer_query_comes_before_a_whole_row_of_this_one() -> None:
    scope = Scope((item("ssn", "id"),), Scope((Item("t", item("t", "ssn").outputs, relation=TABLE),)))
    found = find(scope, ("ssn",))
    assert found is not None
    assert found.row is None
    assert found.output == column("ssn")


def test_a_guessed_name_settles_nothing() -> None:
    # A function of a row type brings that type's columns: its alias is no column, and the outer one is meant.
    inner, outer = item("f", "ssn"), Item("t", item("t", "ssn").outputs, relation=TABLE)
    believed = Item("f", (Output("ssn", CLEAN, guessed=True),))
    found = find(Scope((believed,), Scope((outer,))), ("ssn",))
    assert found is not None
    assert found.output.origin != CLEAN
    assert found.items == (believed, outer)
    other = find(Scope((Item("f", (Output("max", column("ssn").origin, guessed=True),)),), Scope((outer,))), ("id",))
    assert other is not None
    assert other.output.origin == column("ssn").origin, "a column of another guessed name may be meant"
    certain = find(Scope((outer,), Scope((inner,))), ("ssn",))
    assert certain is not None
    assert certain.items == (outer,)


def test_a_whole_row_where_no_column_has_the_name() -> None:
    found = find(Scope((item("t", "id"),)), ("t",))
    assert found is not None
    assert found.row is not None


def test_an_inner_name_hides_an_outer_one() -> None:
    inner = item("t", "id")
    assert find_item(Scope((inner,), Scope((item("t", "ssn"),))), ("t",)) is inner


def test_ambiguous_is_opaque() -> None:
    found = find(Scope((item("a", "id"), item("b", "id"))), ("id",))
    assert found is not None
    assert isinstance(found.output.origin, Opaque)


def test_hidden_columns_need_their_items_name() -> None:
    scope = Scope((item("a", "id", columns_visible=False),))
    assert find(scope, ("id",)) is None
    assert find(scope, ("a", "id")) is not None


def test_what_an_open_item_may_have_joins_what_is_found_further_out() -> None:
    """f(...) may have a column ssn or not; if not, the outer query's is meant."""
    scope = Scope((item("f", more=CLEAN),), Scope((item("t", "ssn"),)))
    found = find(scope, ("ssn",))
    assert found is not None
    assert found.output.origin == Columns(frozenset({ColumnRef("s", "t", "ssn")}), pure=False)
    row = find(Scope((item("f", more=CLEAN), item("c", "ssn"))), ("c",))
    assert row is not None
    assert row.output.origin == Columns(frozenset({ColumnRef("s", "t", "ssn")}), pure=False)


def test_an_attribute_that_is_no_column_is_of_the_row() -> None:
    found = find(Scope((item("c", "ssn"),)), ("c", "row_to_json"))
    assert found is not None
    assert found.attribute == "row_to_json"


def test_qualified_by_schema_only_without_alias() -> None:
    plain = Item("t", (column("id"),), schema="s")
    assert find(Scope((plain,)), ("s", "t", "id")) is not None
    assert find(Scope((item("t", "id"),)), ("s", "t", "id")) is None


def test_local_columns() -> None:
    scope = Scope((item("a", "id"),), Scope((item("b", "ssn"),)))
    assert local_column(scope, "id")
    assert not local_column(scope, "ssn")


def test_a_guessed_name_may_be_any_column_of_a_guessed_name() -> None:
    guess = Item("f", (Output("a", CLEAN, guessed=True), Output("b", column("ssn").origin, guessed=True)))
    found = guess.column("a")
    assert found is not None
    assert found.origin == Columns(frozenset({ColumnRef("s", "t", "ssn")}), pure=False)
    assert not local_column(Scope((guess,)), "a")
    qualified = find(Scope((guess,)), ("f", "ctid"))
    assert qualified is not None
    assert qualified.attribute is None


def test_only_a_table_has_system_columns() -> None:
    assert Item("t", (), relation=TABLE).column("xmin") is not None
    assert Item("t", (), relation=replace(TABLE, kind="v")).column("xmin") is None
    assert Item("t", ()).column("xmin") is None
