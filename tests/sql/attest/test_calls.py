"""What everything that runs may do, by OID: built by hand, and as real servers call it."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Effect
from pgmaskproxy.sql.attest.attestation import Called
from pgmaskproxy.sql.attest.calls import SPECIAL, CallVerdict, judge_calls
from pgmaskproxy.sql.catalog import Catalog, Function, Operator
from pgmaskproxy.sql.support import ClassSupport, Support, SystemFunction, TypeSupport

LOWER, COUNT, NOW, TABLE_TO_XML, QUERY_TO_XML, SET_CONFIG, NEXTVAL, SLEEP = (
    870,
    2147,
    1299,
    2923,
    2924,
    2078,
    1574,
    2626,
)
INPUT_IS_VALID, TEXT_EQ, ARRAY_IN = 6211, 98, 750
OWN = Function(20_001, "shop", "order_total", "integer", volatility="s")
CITEXT_IN = Function(20_002, "public", "citextin", "cstring", volatility="i", extension="citext")
CITEXT_EQ = Function(20_003, "public", "citext_eq", "public.citext, public.citext", volatility="i", extension="citext")
CITEXT_CMP = Function(20_004, "public", "citext_cmp", "public.citext, public.citext", volatility="i")
CITEXT, CITEXTS, PLAIN = 21_001, 21_002, 21_003
EQUALS = Operator("public", "=", CITEXT, CITEXT, 22_001, CITEXT_EQ.oid)
SUPPORT = Support(
    types=(
        TypeSupport(CITEXT, "public.citext", (CITEXT_IN.oid,), (CITEXT_CMP.oid,)),
        TypeSupport(CITEXTS, "public._citext", (ARRAY_IN,), (), (CITEXT,)),
    ),
    plain=frozenset({PLAIN}),
    classes=(ClassSupport(23_001, "public.citext_ops", (CITEXT_CMP.oid,)),),
    families=(ClassSupport(23_002, "public.citext_ops", (CITEXT_CMP.oid,)),),
    system=(SystemFunction(13_000, "information_schema._pg_truetypid(pg_attribute, pg_type)"),),
)
CATALOG = Catalog(
    functions=(OWN, CITEXT_IN, CITEXT_EQ, CITEXT_CMP), operators=(EQUALS,), version=180_006, support=SUPPORT
)
TRUSTING = Catalog(
    functions=CATALOG.functions,
    operators=CATALOG.operators,
    version=180_006,
    support=SUPPORT,
    trusted=frozenset(function.oid for function in CATALOG.functions),
)


def functions(*oids: int) -> Called:
    return Called(functions=frozenset(oids))


def test_what_ships_with_the_server_and_is_safe_adds_nothing() -> None:
    called = Called(
        functions=frozenset({LOWER, NOW}),
        aggregates=frozenset({COUNT}),
        windows=frozenset({3100}),
        operators=frozenset({TEXT_EQ}),
        types=frozenset({25, 1009}),
        casts=frozenset({(23, 25)}),
        compared=frozenset({25}),
        families=frozenset({1976}),
        classes=frozenset({1978}),
    )
    assert judge_calls(called, CATALOG) == CallVerdict()


@pytest.mark.parametrize(
    ("oid", "effect", "name"),
    [
        (TABLE_TO_XML, Effect.EXPORT, "pg_catalog.table_to_xml"),
        (QUERY_TO_XML, Effect.EXPORT, "pg_catalog.query_to_xml"),
        (SET_CONFIG, Effect.SESSION, "pg_catalog.set_config"),
        (NEXTVAL, Effect.WRITE, "pg_catalog.nextval"),
        (SLEEP, Effect.ADMIN, "pg_catalog.pg_sleep"),
        (OWN.oid, Effect.ROUTINE, "shop.order_total"),
    ],
)
def test_what_a_call_brings(oid: int, effect: Effect, name: str) -> None:
    expected = CallVerdict(frozenset({effect}), frozenset({name}), constant_independent=False)
    assert judge_calls(functions(oid), CATALOG) == expected
    assert judge_calls(Called(aggregates=frozenset({oid})), CATALOG) == expected
    assert judge_calls(Called(windows=frozenset({oid})), CATALOG) == expected


@pytest.mark.parametrize(
    ("called", "word"),
    [
        (functions(11_999), "function 11999"),
        (functions(15_999), "function 15999"),
        (functions(99_999), "function 99999"),
        (Called(operators=frozenset({99_999})), "operator 99999"),
        (Called(types=frozenset({99_999})), "type 99999"),
        (Called(domains=frozenset({99_999})), "type 99999"),
        (Called(casts=frozenset({(25, 99_999)})), "type 99999"),
        (Called(casts=frozenset({(99_999, 25)})), "type 99999"),
        (Called(casts=frozenset({(0, 25)})), "type 0"),
        (Called(compared=frozenset({99_999})), "the order of type 99999"),
        (Called(classes=frozenset({99_999})), "operator class 99999"),
        (Called(families=frozenset({99_999})), "operator family 99999"),
        (Called(special=frozenset({"XMLEXPR 8"})), "XMLEXPR 8"),
        (Called(special=frozenset({"NEWEXPR 0"})), "NEWEXPR 0"),
        (Called(special=frozenset({"XMLEXPR -1"})), "XMLEXPR -1"),
    ],
)
def test_what_nobody_knows(called: Called, word: str) -> None:
    assert judge_calls(called, CATALOG) == CallVerdict(
        frozenset({Effect.UNKNOWN}), frozenset(), (word,), constant_independent=False
    )


@pytest.mark.parametrize(
    ("called", "names"),
    [
        (Called(operators=frozenset({EQUALS.oid})), {"public.citext_eq"}),
        (Called(types=frozenset({CITEXT})), {"public.citextin"}),
        (Called(types=frozenset({CITEXTS})), {"public.citextin"}),
        (Called(domains=frozenset({CITEXT})), {"public.citextin"}),
        (Called(casts=frozenset({(CITEXT, 25)})), {"public.citextin"}),
        (Called(casts=frozenset({(25, CITEXT)})), {"public.citextin"}),
        (Called(compared=frozenset({CITEXT})), {"public.citext_cmp"}),
        (Called(compared=frozenset({CITEXTS})), {"public.citext_cmp"}),
        (Called(classes=frozenset({23_001})), {"public.citext_cmp"}),
        (Called(families=frozenset({23_002})), {"public.citext_cmp"}),
    ],
)
def test_what_is_behind_is_judged_and_trusted(called: Called, names: set[str]) -> None:
    untrusted = judge_calls(called, CATALOG)
    assert untrusted.effects == {Effect.ROUTINE}
    assert untrusted.functions == names
    assert not untrusted.constant_independent
    trusted = judge_calls(called, TRUSTING)
    assert (trusted.effects, trusted.functions, trusted.unknown) == (frozenset(), frozenset(), ())


def test_a_trusted_function_that_may_read_is_not_independent_of_constants() -> None:
    assert judge_calls(functions(CITEXT_IN.oid), TRUSTING) == CallVerdict()
    assert judge_calls(functions(OWN.oid), TRUSTING) == CallVerdict(constant_independent=False)


def test_a_name_that_stands_for_any_type_is_as_bad_as_the_worst_type() -> None:
    assert judge_calls(functions(INPUT_IS_VALID), CATALOG).effects == {Effect.UNKNOWN}
    assert judge_calls(functions(INPUT_IS_VALID), TRUSTING) == CallVerdict(constant_independent=False)
    assert judge_calls(Called(casts=frozenset({(0, 25)})), TRUSTING) == CallVerdict()


def test_plain_types_and_special_nodes() -> None:
    special = frozenset(f"{label} {number}" for label, last in SPECIAL.items() for number in range(last + 1))
    assert judge_calls(Called(types=frozenset({PLAIN}), special=special), CATALOG) == CallVerdict()


def test_what_initdb_made_is_known_by_name() -> None:
    assert judge_calls(functions(13_000), CATALOG) == CallVerdict()
    assert judge_calls(functions(13_000), Catalog(version=180_006)).unknown == ("function 13000",)


def test_a_reused_oid_is_what_it_is_on_that_version() -> None:
    assert judge_calls(functions(4099), Catalog(version=150_020)).functions == {"pg_catalog.pg_rotate_logfile_old"}
    assert judge_calls(functions(4099), Catalog(version=180_006)) == CallVerdict()
    between = Catalog(version=170_004)
    assert judge_calls(functions(4099), between).unknown == ("function 4099",)
    assert judge_calls(functions(LOWER), between) == CallVerdict()
    said = Support(system=(SystemFunction(4099, "pg_catalog.pg_numa_available()"),))
    assert judge_calls(functions(4099), Catalog(version=170_004, support=said)) == CallVerdict()
