"""Functions and what is behind types, in one database."""

from __future__ import annotations

from dataclasses import replace

from pgmaskproxy.sql.catalog import Catalog, Function
from pgmaskproxy.sql.routines import RoutineClass
from pgmaskproxy.sql.safety import (
    every_type_is_safe,
    is_safe,
    shipped,
    unsafe_behind,
    unsafe_of_order,
    unsafe_of_type,
)
from pgmaskproxy.sql.support import Support, SystemFunction, TypeSupport

OWN, CHECK, ORDER, DOMAIN = 20_000, 20_001, 20_002, 21_000
CATALOG = Catalog(
    functions=(Function(OWN, "shop", "f", "integer"), Function(CHECK, "shop", "c", "text")),
    version=150_020,
    support=Support(types=(TypeSupport(DOMAIN, "shop.d", (46, CHECK), (ORDER,)),)),
)


def test_what_ships_is_known_by_oid_and_version() -> None:
    assert shipped(CATALOG, 870) == ("pg_catalog.lower(text)", RoutineClass.TOTAL)
    assert shipped(CATALOG, 0) is None
    assert shipped(CATALOG, OWN) is None
    assert shipped(CATALOG, 13_000) is None


def test_what_the_server_says_does_not_make_a_users_function_its_own() -> None:
    said = replace(CATALOG, support=Support(system=(SystemFunction(OWN, "pg_catalog.plpgsql_validator(oid)"),)))
    assert shipped(said, OWN) is None


def test_what_the_server_says_of_a_known_version_changes_nothing() -> None:
    said = replace(CATALOG, support=Support(system=(SystemFunction(2923, "pg_catalog.lower(text)"),)))
    found = shipped(said, 2923)
    assert found is not None
    assert found[1] is RoutineClass.READS_DATA


def test_safe_is_safe_by_class_or_by_trust() -> None:
    assert is_safe(CATALOG, 870)
    assert not is_safe(CATALOG, 2923)
    assert not is_safe(CATALOG, OWN)
    assert is_safe(replace(CATALOG, trusted=frozenset({OWN})), OWN)


def test_behind_a_type_the_servers_own_may_be_internal() -> None:
    assert unsafe_behind(CATALOG, (750, 2290, 2400)) == frozenset()
    assert unsafe_behind(CATALOG, (750, 2923, OWN, 0)) == {2923, OWN, 0}


def test_types() -> None:
    assert unsafe_of_type(CATALOG, DOMAIN) == frozenset({CHECK})
    assert unsafe_of_order(CATALOG, DOMAIN) == frozenset({ORDER})
    assert unsafe_of_type(CATALOG, 25) == frozenset()
    assert unsafe_of_type(CATALOG, 99_999) is None
    assert unsafe_of_order(CATALOG, 99_999) is None
    assert not every_type_is_safe(CATALOG)
    assert every_type_is_safe(replace(CATALOG, trusted=frozenset({CHECK})))
