"""What foreign keys, unique indexes, checks and the order of indexes tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import ColumnRef, ColumnUse, Use
from pgmaskproxy.sql.catalog import Catalog, Column, ForeignKey, Index, Relation
from pgmaskproxy.sql.implied import OVER_AN_INDEX, Changes, implied_uses

PEOPLE, FILINGS, PAGES, PART, FOREIGN = range(20_001, 20_006)
INTEGER, TEXT, VARCHAR = 23, 25, 1043


def relation(oid: int, name: str, *columns: str) -> Relation:
    """A table; a column with a star is generated, from the first one."""
    numbered = tuple(
        Column(number, column[:-1], TEXT, "s", columns[0]) if column.endswith("*") else Column(number, column, TEXT)
        for number, column in enumerate(columns, 1)
    )
    return Relation(oid, "s", name, "r", numbered)


def key(oid: int, column: int, *, cascades: bool = False) -> tuple[ForeignKey, ...]:
    """The first column references one of another table."""
    return (ForeignKey((1,), oid, (column,), cascades),)


PEOPLE_INDEXES = (
    Index((1,), (1,), unique=True, scanned=True),
    Index((3, 2), (2, 3), unique=True, scanned=True),
    Index((4,), (4,)),
)
CATALOG = Catalog(
    (
        replace(
            relation(PEOPLE, "people", "id", "ssn", "kind", "card", "made*"), indexes=PEOPLE_INDEXES, checks=((3, 4),)
        ),
        replace(relation(FILINGS, "filings", "ssn", "note"), foreign_keys=key(PEOPLE, 2, cascades=True)),
        replace(relation(PAGES, "pages", "filing", "made"), foreign_keys=key(FILINGS, 1)),
        replace(relation(PART, "part", "card"), parents=(PEOPLE,), indexes=(Index((1,), (1,), scanned=True),)),
        replace(relation(FOREIGN, "far", "ssn"), kind="f"),
    )
)


def predicate(table: str, column: str, where: str) -> ColumnUse:
    return ColumnUse(ColumnRef("s", table, column), Use.PREDICATE, where)


FILING = predicate("filings", "ssn", "a foreign key of s.filings")
PAGE = predicate("pages", "filing", "a foreign key of s.pages")


def test_a_deleted_row_asks_every_table_that_references_it_and_those_that_a_cascade_reaches() -> None:
    assert implied_uses(CATALOG, Changes(deleted=frozenset({PEOPLE}))) == (FILING, PAGE)
    assert implied_uses(CATALOG, Changes(deleted=frozenset({FILINGS}))) == (PAGE,)
    assert implied_uses(CATALOG, Changes(deleted=frozenset({PAGES}))) == ()


def test_a_row_that_a_cascade_takes_goes_with_every_column_that_is_referenced() -> None:
    remarks = replace(relation(20_006, "remarks", "note"), foreign_keys=key(FILINGS, 2))
    catalog = Catalog((*CATALOG.relations, remarks))
    remark = predicate("remarks", "note", "a foreign key of s.remarks")
    assert remark in implied_uses(catalog, Changes(deleted=frozenset({PEOPLE})))


def test_only_the_referenced_columns_change_asks() -> None:
    changed = implied_uses(CATALOG, Changes(updated=frozenset({(PEOPLE, 2)})))
    assert FILING in changed
    assert PAGE in changed
    assert implied_uses(CATALOG, Changes(updated=frozenset({(PEOPLE, 1)}))) == ()
    assert implied_uses(CATALOG, Changes(updated=frozenset({(FILINGS, 2)}))) == ()


def test_a_part_of_a_unique_index_and_of_a_check_asks_for_the_other_parts() -> None:
    kind = implied_uses(CATALOG, Changes(updated=frozenset({(PEOPLE, 3)})))
    assert kind == (
        predicate("people", "card", "a constraint of s.people"),
        predicate("people", "ssn", "a unique index of s.people"),
    )
    both = implied_uses(CATALOG, Changes(updated=frozenset({(PEOPLE, 3), (PEOPLE, 4)})))
    assert both == (predicate("people", "ssn", "a unique index of s.people"),)


def test_children_and_what_is_generated_change_along() -> None:
    below = Catalog(
        (
            *CATALOG.relations,
            replace(relation(30_001, "held", "card"), foreign_keys=key(PART, 1)),
            replace(relation(30_002, "kept", "made"), foreign_keys=key(PEOPLE, 5)),
        )
    )
    held = predicate("held", "card", "a foreign key of s.held")
    assert held in implied_uses(below, Changes(deleted=frozenset({PEOPLE})))
    assert held in implied_uses(below, Changes(updated=frozenset({(PEOPLE, 4)})))
    assert predicate("kept", "made", "a foreign key of s.kept") in implied_uses(
        below, Changes(updated=frozenset({(PEOPLE, 1)}))
    )


@pytest.mark.parametrize(
    ("expression", "of", "made", "tells"),
    [
        ("(100 / (kept - hidden))", INTEGER, INTEGER, True),
        ("((kept || ' '::text) || hidden)", TEXT, TEXT, False),
        ("upper((COALESCE(kept, ''::text) || hidden))", TEXT, TEXT, False),
        ("((kept || ' '::text) || hidden)", TEXT, VARCHAR, True),
        ("(kept || (hidden)::text)", INTEGER, TEXT, True),
        ("repeat(kept, length(hidden))", TEXT, TEXT, True),
        ("hidden", INTEGER, INTEGER, False),
        ("", TEXT, TEXT, True),
        ("not SQL (", TEXT, TEXT, True),
    ],
)
def test_what_is_generated_may_fail_and_tell(expression: str, of: int, made: int, *, tells: bool) -> None:
    columns = (Column(1, "kept", of), Column(2, "hidden", of), Column(3, "made", made, "s", expression))
    catalog = Catalog((Relation(PEOPLE, "s", "people", "r", columns),))
    uses = implied_uses(catalog, Changes(updated=frozenset({(PEOPLE, 1)})))
    where = "a generated column of s.people"
    assert uses == ((predicate("people", "hidden", where),) if tells else ())
    assert implied_uses(catalog, Changes(updated=frozenset({(PEOPLE, 1), (PEOPLE, 2)}))) == ()


@pytest.mark.parametrize(
    ("expressions", "tells"),
    [
        (("(100 / (kept - hidden))",), True),
        (("lower(other), (kept + hidden)",), True),
        (("((kept > 1) AND (hidden IS NOT NULL))",), False),
        (("(NOT (kept < hidden))",), False),
        (("((100 / hidden) > kept)",), False),
        (("((kept / hidden) > 1)",), True),
        (("(kept OPERATOR(s.<) hidden)",), True),
        (("kept, hidden",), False),
        (("not SQL (",), True),
    ],
)
def test_what_an_index_computes_may_fail_and_tell(expressions: tuple[str, ...], *, tells: bool) -> None:
    columns = (Column(1, "kept", INTEGER), Column(2, "hidden", INTEGER), Column(3, "other", TEXT))
    index = Index((1, 2), (1, 2), expressions=expressions)
    catalog = Catalog((Relation(PEOPLE, "s", "people", "r", columns, indexes=(index,)),))
    uses = implied_uses(catalog, Changes(updated=frozenset({(PEOPLE, 1)})))
    assert (predicate("people", "hidden", "an index's expression of s.people") in uses) is tells


def met(inserted: str, *indexes: Index, triggers: bool = False, on: int = PEOPLE) -> set[str]:
    """The columns that a new row's given columns are compared beside; `hidden` has a default, `empty` none."""
    columns = (
        Column(1, "kept", TEXT),
        Column(2, "hidden", TEXT, filled=True),
        Column(3, "empty", TEXT),
        Column(4, "made", TEXT, "s", "(kept || hidden)"),
    )
    relation = Relation(PEOPLE, "s", "people", "r", columns, indexes=indexes, has_triggers=triggers)
    below = replace(relation, oid=PART, name="part", parents=(PEOPLE,), columns=columns)
    above = replace(relation, indexes=())
    catalog = Catalog((relation,) if on == PEOPLE else (above, below))
    given = frozenset((PEOPLE, column.number) for column in columns if column.name in inserted.split())
    return {use.column.column for use in implied_uses(catalog, Changes(inserted=given))}


def test_a_new_row_meets_the_others_in_unique_indexes_by_defaults_too() -> None:
    both, hidden, empty, made = (Index(keys, keys, unique=True) for keys in ((1, 2), (2,), (1, 3), (4,)))
    assert met("kept", both) == met("kept", made) == {"hidden"}
    assert met("kept", both, on=PART) == {"hidden"}
    assert met("kept hidden", both, hidden, empty, made) == set()
    assert met("kept", hidden, empty, Index((1, 2), (1, 2))) == set()
    assert met("kept", empty, triggers=True) == {"empty"}


def test_a_partition_that_is_inserted_into_itself_as_well_is_met_from_above_all_the_same() -> None:
    columns = (Column(1, "kept", TEXT), Column(2, "hidden", TEXT, filled=True))
    above = Relation(PEOPLE, "s", "people", "p", columns)
    both = Index((1, 2), (1, 2), unique=True)
    below = Relation(PART, "s", "part", "r", columns, parents=(PEOPLE,), indexes=(both,))
    for inserted in ({(PEOPLE, 1), (PART, 1), (PART, 2)}, {(PART, 1), (PART, 2), (PEOPLE, 1)}):
        uses = implied_uses(Catalog((above, below)), Changes(inserted=frozenset(inserted)))
        assert uses == (predicate("part", "hidden", "a unique index of s.part"),)


def test_keys_in_a_circle_come_to_an_end() -> None:
    circle = Catalog((replace(relation(PEOPLE, "people", "a"), foreign_keys=key(PEOPLE, 1, cascades=True)),))
    found = implied_uses(circle, Changes(deleted=frozenset({PEOPLE})))
    assert found == (predicate("people", "a", "a foreign key of s.people"),)


@pytest.mark.parametrize(
    ("column", "comes"),
    [((PEOPLE, 2), True), ((PEOPLE, 5), False), ((PEOPLE, 4), True), ((FOREIGN, 1), True), ((FILINGS, 2), False)],
)
def test_rows_may_come_in_the_order_of_any_key_of_an_index_that_is_read_row_by_row(
    column: tuple[int, int], comes: bool
) -> None:
    found = implied_uses(CATALOG, Changes(null_tested=frozenset({column})))
    assert [(use.use, use.where) for use in found] == ([(Use.ORDERING, OVER_AN_INDEX)] if comes else [])


def test_an_index_for_bitmaps_alone_gives_no_order() -> None:
    alone = Catalog((replace(relation(PEOPLE, "people", "a"), indexes=(Index((1,), (1,)),)),))
    assert implied_uses(alone, Changes(null_tested=frozenset({(PEOPLE, 1)}))) == ()


def test_what_the_catalog_does_not_have_implies_nothing() -> None:
    nowhere = Changes(frozenset({1}), frozenset({(1, 1)}), frozenset({(1, 1), (PEOPLE, 9)}))
    assert implied_uses(CATALOG, nowhere) == ()
