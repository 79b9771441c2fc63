"""set_config() over pg_settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Setting
from pgmaskproxy.sql.catalog import Catalog, Operator, Relation
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep

NAME = "restrict_nonsystem_relation_kind"
DUMPED = f"SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = '{NAME}'"


def settings(catalog: Catalog, sql: str, path: tuple[str, ...] = SEARCH_PATH) -> tuple[Setting, ...]:
    (found,) = deep(lambda: read(sql, catalog, path))
    return found.analysis.settings


@pytest.mark.parametrize("sql", [DUMPED, DUMPED.replace("pg_settings", "pg_catalog.pg_settings")])
def test_the_condition_names_the_setting(catalog: Catalog, sql: str) -> None:
    assert settings(catalog, sql) == (Setting(NAME, "view, foreign-table"),)


def test_so_it_does_for_a_setting_that_may_not_be_set(catalog: Catalog) -> None:
    assert settings(catalog, DUMPED.replace(NAME, "ROLE")) == (Setting("role", "view, foreign-table"),)


@pytest.mark.parametrize(
    "sql",
    [
        DUMPED.replace("WHERE name =", "WHERE name <>"),
        DUMPED.replace("WHERE name =", "WHERE setting ="),
        DUMPED.replace("(name", "(setting"),
        DUMPED.replace("(name", "(lower(name)"),
        DUMPED.replace("'view, foreign-table'", "setting"),
        DUMPED.replace(", false", ", sourceline = 1"),
        DUMPED.replace("pg_settings", "pg_settings s (a, name)"),
        DUMPED.replace("pg_settings", "pg_settings, customers"),
        DUMPED.replace("pg_settings", "customers"),
        DUMPED.replace(")", "), set_config(name, 'x', true)", 1),
        DUMPED + " OR true",
        DUMPED + " LIMIT 1",
        "WITH pg_settings AS (SELECT 'role' AS name) " + DUMPED,
        DUMPED.replace("=", "OPERATOR(public.=)"),
        DUMPED[: DUMPED.index(" WHERE")],
    ],
)
def test_anything_else_is_no_constant(catalog: Catalog, sql: str) -> None:
    assert any(not setting.constant for setting in settings(catalog, sql))


def test_another_equality_and_another_pg_settings_are_not_the_servers(catalog: Catalog) -> None:
    other = replace(catalog, operators=(*catalog.operators, Operator("public", "=", 25, 25)))
    assert not settings(other, DUMPED)[0].constant
    mine = Relation(99_999, "public", "pg_settings", "r", ())
    shadowed = replace(catalog, relations=(*catalog.relations, mine))
    assert not settings(shadowed, DUMPED, ("public", "pg_catalog"))[0].constant
