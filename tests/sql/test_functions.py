"""Names that ship with PostgreSQL, and names that do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Effect
from pgmaskproxy.sql.catalog import Catalog, Function, Operator, TypeName
from pgmaskproxy.sql.functions import (
    EFFECTS,
    OPERATORS,
    OUT_COLUMNS,
    SAMPLE_METHODS,
    TYPES,
    Resolved,
    Verdict,
    operator_effect,
    resolve_function,
    type_effect,
)
from pgmaskproxy.sql.support import Support, TypeSupport

EMPTY = Catalog()


@pytest.mark.parametrize(
    ("effect", "names"),
    [
        (
            None,
            "lower count sum now random gen_random_uuid generate_series unnest row_to_json pg_typeof",
        ),
        (Effect.EXPORT, "query_to_xml table_to_xml schema_to_xml database_to_xml cursor_to_xml ts_stat pg_read_file"),
        (Effect.EXPORT, "pg_ls_dir lo_get lo_export lo_import lowrite pg_stat_file pg_read_binary_file"),
        (Effect.ADMIN, "pg_terminate_backend pg_reload_conf pg_advisory_lock pg_try_advisory_xact_lock pg_notify"),
        (
            Effect.ADMIN,
            "pg_sleep pg_stat_get_activity pg_switch_wal pg_create_restore_point pg_mcv_list_items",
        ),
        (Effect.WRITE, "nextval setval"),
        (Effect.SESSION, "set_config"),
        (Effect.UNKNOWN, "domain_in array_in record_in plpgsql_call_handler suppress_redundant_updates_trigger"),
    ],
)
def test_classes(effect: Effect | None, names: str) -> None:
    assert {EFFECTS[name] for name in names.split()} == {effect}


def test_both_major_versions_are_there() -> None:
    assert EFFECTS["pg_backup_start"] is Effect.ADMIN
    assert EFFECTS["uuidv7"] is None
    assert len(EFFECTS) > 2_500
    assert {"text", "int4", "jsonb", "regclass"} <= TYPES
    assert (25, 25) in OPERATORS["="]
    assert {"bernoulli", "system"} == SAMPLE_METHODS
    assert OUT_COLUMNS["json_each"] == ("key", "value")
    assert OUT_COLUMNS["unnest"] is None


def test_a_name_that_a_user_has_too_is_a_routine() -> None:
    catalog = Catalog(functions=(Function(1, "public", "abs", "text"),))
    assert resolve_function(catalog, None, "abs").effect is Effect.ROUTINE
    assert resolve_function(catalog, "pg_catalog", "abs").effect is None
    assert resolve_function(EMPTY, None, "abs").verdict is Verdict.BUILTIN


def test_names_that_lead_nowhere() -> None:
    assert resolve_function(EMPTY, None, "f").effect is Effect.UNKNOWN
    assert resolve_function(EMPTY, "pg_temp", "f").effect is Effect.ROUTINE
    assert resolve_function(EMPTY, "pg_catalog", "f").effect is Effect.UNKNOWN


def test_a_function_slipped_into_pg_catalog_is_a_routine() -> None:
    catalog = Catalog(functions=(Function(99_999, "pg_catalog", "lower", "customers"),))
    assert resolve_function(catalog, "pg_catalog", "lower").effect is Effect.ROUTINE


def test_types() -> None:
    catalog = Catalog(
        types=(
            TypeName(20_001, "public", "status", "e"),
            TypeName(20_002, "public", "us_ssn", "d", checked=True),
            TypeName(20_003, "public", "plain", "d"),
            TypeName(20_004, "public", "citext", "b"),
        )
    )
    assert type_effect(catalog, ("text",)) is None
    assert type_effect(catalog, ("pg_catalog", "int4")) is None
    assert type_effect(catalog, ("status",)) is None
    assert type_effect(catalog, ("public", "plain")) is None
    assert type_effect(catalog, ("us_ssn",)) is Effect.ROUTINE
    assert type_effect(catalog, ("citext",)) is Effect.ROUTINE
    assert type_effect(catalog, ("nope",)) is Effect.ROUTINE
    assert type_effect(catalog, ("pg_temp", "text")) is Effect.ROUTINE


def test_operators() -> None:
    catalog = Catalog(operators=(Operator("public", "=", 16_400, 16_400),))
    assert operator_effect(EMPTY, None, "=", None, None) is None
    assert operator_effect(EMPTY, "pg_catalog", "=", None, None) is None
    assert operator_effect(EMPTY, "public", "=", 25, 25) is Effect.ROUTINE
    assert operator_effect(EMPTY, None, "|<|", 25, 25) is Effect.ROUTINE
    assert operator_effect(catalog, None, "=", 25, 0) is None
    assert operator_effect(catalog, None, "=", 25, None) is Effect.ROUTINE
    assert operator_effect(catalog, None, "=", 0, 0) is Effect.ROUTINE
    assert operator_effect(catalog, None, "=", 16_400, 0) is Effect.ROUTINE


SIMILARITY = Function(20_001, "public", "similarity", "text, text", extension="pg_trgm")
OWN_ABS = Function(20_002, "public", "abs", "text")
OWN_SLEEP = Function(20_003, "public", "pg_sleep", "text")
IN, EQ = Function(20_004, "public", "citextin", "cstring"), Function(20_005, "public", "citext_eq", "citext, citext")
EXTENDED = Catalog(
    functions=(SIMILARITY, OWN_ABS, OWN_SLEEP, IN, EQ),
    types=(TypeName(21_001, "public", "citext", "b"), TypeName(21_002, "public", "short", "d", checked=True)),
    operators=(
        Operator("public", "=", 21_001, 21_001, 22_001, EQ.oid),
        Operator("public", "%", 25, 25, 22_002, 20_001),
    ),
    version=180_006,
    support=Support(
        types=(TypeSupport(21_001, "public.citext", (IN.oid,)),),
        plain=frozenset({21_002}),
    ),
)
TRUSTING = replace(EXTENDED, trusted=frozenset(function.oid for function in EXTENDED.functions))


def test_trusted_functions() -> None:
    assert resolve_function(EXTENDED, None, "similarity").effect is Effect.ROUTINE
    for schema in (None, "public"):
        assert resolve_function(TRUSTING, schema, "similarity") == Resolved("public.similarity", Verdict.USER, None)
    assert resolve_function(TRUSTING, "pg_temp", "similarity").effect is Effect.ROUTINE
    assert resolve_function(TRUSTING, "shop", "similarity").effect is Effect.ROUTINE
    assert resolve_function(TRUSTING, None, "abs").effect is None
    assert resolve_function(TRUSTING, None, "pg_sleep").effect is Effect.ADMIN


def test_one_untrusted_overload_is_enough() -> None:
    other = Function(20_009, "shop", "similarity", "integer")
    catalog = replace(TRUSTING, functions=(*TRUSTING.functions, other))
    assert resolve_function(catalog, None, "similarity").effect is Effect.ROUTINE
    assert resolve_function(catalog, "public", "similarity").effect is None


def test_trusted_types_and_operators() -> None:
    assert type_effect(EXTENDED, ("citext",)) is Effect.ROUTINE
    assert type_effect(TRUSTING, ("citext",)) is None
    assert type_effect(EXTENDED, ("short",)) is None
    assert operator_effect(EXTENDED, None, "=", None, None) is Effect.ROUTINE
    assert operator_effect(TRUSTING, None, "=", None, None) is None
    assert operator_effect(EXTENDED, "public", "=", None, None) is Effect.ROUTINE
    assert operator_effect(TRUSTING, "public", "=", None, None) is None
    assert operator_effect(TRUSTING, "public", "%", 25, 25) is None
    assert operator_effect(TRUSTING, "public", "<->", 25, 25) is Effect.ROUTINE
    assert operator_effect(TRUSTING, "shop", "=", None, None) is Effect.ROUTINE


def test_an_operator_of_a_users_that_runs_the_systems_function_is_judged_by_it() -> None:
    alias, xml = Operator("public", "===", 25, 25, 22_003, 67), Operator("public", "!!!", 0, 2205, 22_004, 2923)
    catalog = replace(EXTENDED, operators=(alias, xml))
    assert operator_effect(catalog, None, "===", 25, 25) is None
    assert operator_effect(catalog, None, "!!!", 0, 2205) is Effect.ROUTINE
