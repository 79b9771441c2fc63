"""What is behind types: which are plain, what the others are made of, and the way to JSON and back."""

from __future__ import annotations

import json

import pytest

from pgmaskproxy.sql.support import ClassSupport, Support, SystemFunction, TypeSupport, from_json, settle, to_json

ROW_IN, MADE = 2290, 30_000
DOMAIN = TypeSupport(20_001, "public.us_ssn", (46, MADE))
ARRAY = TypeSupport(20_002, "public._us_ssn", (750,), (), (20_001,))
ROW = TypeSupport(20_003, "public.t", (ROW_IN,), (), (20_002, 20_004))
ENUM = TypeSupport(20_004, "public.status", (3504,))
ORDERED = TypeSupport(20_005, "public.ordered", (46,), (MADE,))
SETTING = TypeSupport(20_007, "public.sets", (46, 2078))
"""Its constraint calls set_config() (THREATS M02e)."""
UNTOLD = TypeSupport(20_006, "public.untold", (0,))


def test_plain_types_are_made_of_nothing_but_the_servers_own() -> None:
    types, plain = settle((DOMAIN, ARRAY, ROW, ENUM, ORDERED, UNTOLD, SETTING), 18)
    assert types == (DOMAIN, ARRAY, ROW, ORDERED, UNTOLD, SETTING)
    assert plain == {ENUM.oid}


def test_what_a_type_is_made_of() -> None:
    types, plain = settle((DOMAIN, ARRAY, ROW, ENUM), 15)
    support = Support(types, plain)
    assert set(support.made_of(ROW.oid) or ()) == {ROW, ARRAY, DOMAIN}
    assert support.made_of(ENUM.oid) == ()
    assert support.made_of(25) == ()


@pytest.mark.parametrize("oid", [0, -1, 12_000, 99_999])
def test_an_unknown_type(oid: int) -> None:
    assert Support((DOMAIN,)).made_of(oid) is None


def test_a_type_made_of_an_unknown_one_and_of_itself() -> None:
    assert Support((TypeSupport(20_010, "t", (MADE,), (), (99_999,)),)).made_of(20_010) is None
    itself = TypeSupport(20_011, "t", (MADE,), (), (20_011,))
    assert Support((itself,)).made_of(20_011) == (itself,)


def test_json_and_back() -> None:
    support = Support(
        (DOMAIN, ARRAY),
        frozenset({7, 3}),
        (ClassSupport(1, "a", (2,)),),
        (ClassSupport(4, "b", (5, 6)),),
        (SystemFunction(13_000, "pg_catalog.f()"),),
    )
    assert from_json(json.loads(json.dumps(to_json(support)))) == support
