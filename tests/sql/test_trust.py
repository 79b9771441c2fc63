"""Trust, held to its pins."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pgmaskproxy.sql.catalog import Catalog, Column, Function, Relation
from pgmaskproxy.sql.trust import Doubt, Doubtful, Pins, Trust, Vetted, digest, read_pins, vet, view_digest, write_pins
from tests.sql.conftest import deep

EQ = Function(20_001, "public", "citext_eq", "public.citext, public.citext", extension="citext", digest="a1")
IN = Function(20_002, "public", "citextin", "cstring", extension="citext", digest="a2")
TOTAL = Function(20_003, "shop", "order_total", "integer, text", digest="b1")
STEP = Function(20_004, "shop", "step", "text, text", digest="c1")
GLUED = Function(20_005, "shop", "glued", "text", kind="a", digest="c2", supports=(67, 20_004))
OTHER = Function(20_006, "shop", "other", "", digest="d1")
CATALOG = Catalog(functions=(EQ, IN, TOTAL, STEP, GLUED, OTHER))
TRUST = Trust(frozenset({"citext"}), frozenset({"shop.order_total(integer,text)", "shop.glued(text)"}))
ALL = frozenset({EQ.oid, IN.oid, TOTAL.oid, GLUED.oid})


def pinned() -> Pins:
    return vet(TRUST, CATALOG, {}).pins


def changed(*functions: Function) -> Catalog:
    """The catalog with other functions under the same OIDs, or with more."""
    by_oid = {function.oid: function for function in (*CATALOG.functions, *functions)}
    return replace(CATALOG, functions=tuple(by_oid.values()))


def test_what_is_seen_first_is_pinned_and_trusted() -> None:
    found = vet(TRUST, CATALOG, {})
    assert found.trusted == found.first_seen == ALL
    assert set(found.pins) == {"extension citext", "shop.glued(text)", "shop.order_total(integer,text)"}
    assert found.doubtful == ()
    again = vet(TRUST, CATALOG, found.pins)
    assert (again.trusted, again.first_seen, again.pins, again.doubtful) == (ALL, frozenset(), found.pins, ())


def test_nothing_is_trusted_that_nobody_names() -> None:
    assert vet(Trust(), CATALOG, {}).trusted == frozenset()
    assert vet(Trust(), CATALOG, pinned()).trusted == frozenset()


@pytest.mark.parametrize(
    ("now", "doubtful"),
    [
        (replace(EQ, digest="zz"), Doubtful(Doubt.CHANGED, "extension citext", EQ.signature)),
        (replace(TOTAL, digest="zz"), Doubtful(Doubt.CHANGED, "shop.order_total(integer,text)", TOTAL.signature)),
        (replace(TOTAL, digest=""), Doubtful(Doubt.CHANGED, "shop.order_total(integer,text)", TOTAL.signature)),
        (replace(GLUED, digest="zz"), Doubtful(Doubt.CHANGED, "shop.glued(text)", GLUED.signature)),
        (replace(GLUED, supports=(68, 20_004)), Doubtful(Doubt.CHANGED, "shop.glued(text)", GLUED.signature)),
        (replace(STEP, digest="zz"), Doubtful(Doubt.CHANGED, "shop.glued(text)", GLUED.signature)),
        (replace(EQ, schema="shop"), Doubtful(Doubt.ADDED, "extension citext", "shop." + EQ.signature[7:])),
        (replace(OTHER, extension="citext"), Doubtful(Doubt.ADDED, "extension citext", OTHER.signature)),
        (replace(TOTAL, schema="else"), Doubtful(Doubt.MISSING, "shop.order_total(integer,text)")),
    ],
)
def test_what_is_not_as_pinned_is_not_trusted(now: Function, doubtful: Doubtful) -> None:
    found = vet(TRUST, changed(now), pinned())
    assert found.doubtful == (doubtful,)
    assert found.trusted == ALL - {now.oid, *([GLUED.oid] if now is not GLUED and now.oid == STEP.oid else [])}
    assert found.pins == pinned()
    assert str(doubtful)


def test_a_function_made_anew_as_it_was_is_trusted_under_its_new_oid() -> None:
    functions = tuple(replace(function, oid=function.oid + 100, supports=()) for function in (EQ, IN))
    assert vet(Trust(frozenset({"citext"})), Catalog(functions=functions), pinned()).trusted == {20_101, 20_102}


def test_what_is_not_there_is_said_and_not_pinned() -> None:
    found = vet(Trust(frozenset({"hstore"}), frozenset({"shop.nothing()"})), CATALOG, {})
    assert found.pins == {}
    assert [str(each) for each in found.doubtful] == [
        "there is no extension hstore",
        "there is no function shop.nothing()",
    ]


def test_a_snapshot_without_hashes_vouches_for_nothing() -> None:
    bare = Catalog(functions=(replace(EQ, digest=""), replace(IN, digest="")))
    assert vet(TRUST, bare, {}).trusted == frozenset()


def test_the_hash_of_a_plain_function_and_of_an_aggregate() -> None:
    assert digest(EQ, CATALOG) != digest(replace(EQ, digest="a2"), CATALOG)
    assert digest(GLUED, CATALOG) != digest(GLUED, changed(replace(STEP, digest="zz")))


def test_pins_and_back() -> None:
    databases = {"shop": pinned(), "empty": {}}
    text = write_pins(databases)
    assert read_pins(text) == databases
    assert write_pins(read_pins(text)) == text
    assert len(text.splitlines()) > 10


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"version": 2, "databases": {}},
        {"version": 1},
        {"version": 1, "databases": {"shop": []}},
        {"version": 1, "databases": {"shop": {"extension citext": "x"}}},
        {"version": 1, "databases": {"shop": {"extension citext": {"f()": 1}}}},
    ],
)
def test_what_is_no_file_of_pins(data: object) -> None:
    with pytest.raises(ValueError, match="no file of pins"):
        read_pins(json.dumps(data))
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own words
        read_pins("{")


COLUMN = (Column(1, "id", 23),)
TABLE = Relation(30_001, "hr", "emp", "r", COLUMN)
BELOW = Relation(30_002, "hr", "paid", "v", COLUMN, definition="SELECT id FROM hr.emp WHERE salary > 0")
BANDS = Relation(30_003, "hr", "bands", "v", COLUMN, definition="SELECT id FROM hr.paid")
VIEWS = Catalog(relations=(TABLE, BELOW, BANDS))
VOUCHED = Trust(views=frozenset({"hr.bands"}))


def vet_views(catalog: Catalog, pins: Pins) -> Vetted:
    return deep(lambda: vet(VOUCHED, catalog, pins))


def test_a_view_is_pinned_with_the_views_below_it() -> None:
    found = vet_views(VIEWS, {})
    assert found.views == found.first_views == {BANDS.oid}
    assert not found.trusted
    assert set(found.pins) == {"view hr.bands"}
    again = vet_views(VIEWS, found.pins)
    assert again.views == {BANDS.oid}
    assert not again.first_views
    assert not again.doubtful
    assert read_pins(write_pins({"shop": found.pins}))["shop"] == found.pins


@pytest.mark.parametrize(
    "now",
    [
        replace(BANDS, definition="SELECT id FROM hr.paid WHERE id > 1"),
        replace(BELOW, definition="SELECT id FROM hr.emp WHERE salary > id"),
        replace(BELOW, definition=""),
        replace(BANDS, definition=""),
    ],
)
def test_a_view_that_is_not_as_pinned_is_not_trusted(now: Relation) -> None:
    pins = vet_views(VIEWS, {}).pins
    relations = {relation.oid: relation for relation in (*VIEWS.relations, now)}
    found = vet_views(Catalog(relations=tuple(relations.values())), pins)
    assert found.views == frozenset()
    assert found.doubtful == (Doubtful(Doubt.CHANGED, "view hr.bands", "hr.bands"),)
    assert found.pins == pins


def test_a_view_that_cannot_be_read_is_not_pinned() -> None:
    unread = Catalog(relations=(replace(BANDS, definition=""),))
    found = vet_views(unread, {})
    assert (found.views, dict(found.pins)) == (frozenset(), {})
    assert deep(lambda: view_digest(unread.relations[0], unread)) == ""


def test_a_table_is_no_view() -> None:
    found = vet(Trust(views=frozenset({"hr.emp"})), VIEWS, {})
    assert found.views == frozenset()
    assert [str(each) for each in found.doubtful] == ["there is no view hr.emp"]
