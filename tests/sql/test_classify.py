"""Kinds of statement beyond the fixtures, and what the table's default means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Analysis, Effect, NameVerb, Setting
from pgmaskproxy.sql.catalog import Catalog, Operator
from pgmaskproxy.sql.classify import Classifier
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


def test_a_kind_that_is_not_in_the_table_is_unknown(catalog: Catalog) -> None:
    classifier = Classifier(catalog, SEARCH_PATH, b"")
    classifier.statement("BrandNewStmt", {})
    assert classifier.facts.effects == {Effect.UNKNOWN}


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ("ANALYZE", True),
        ("(ANALYZE)", True),
        ("(ANALYZE true)", True),
        ("(ANALYZE 1)", True),
        ("(ANALYZE yes)", True),
        ("(ANALYZE off)", False),
        ("(ANALYZE 0)", False),
        ("(ANALYZE false)", False),
        ("(ANALYZE off, ANALYZE)", True),
        ("VERBOSE", False),
    ],
)
def test_explain_analyze_runs(options: str, runs: bool, catalog: Catalog) -> None:
    assert (Effect.WRITE in one(f"EXPLAIN {options} DELETE FROM scratch", catalog).effects) is runs


@pytest.mark.parametrize(
    ("argument", "silent"),
    [("'x'", False), ("NULL", False), ("1", False), ("-1.5", False), ("true", True), ("1 + 1", True), ("now()", True)],
)
def test_a_cast_that_is_somebodys_own_may_be_behind_any_argument_of_its_type(
    argument: str, silent: bool, catalog: Catalog
) -> None:
    """One from boolean, by a function that nobody vouches for."""
    having = replace(catalog, support=replace(catalog.support, casts=((16, 99_999),)))
    for sql in (f"EXECUTE p ({argument})", f"COPY orders FROM STDIN WHERE {argument} IS NULL"):
        assert Effect.ROUTINE not in one(sql, catalog).effects
        assert (Effect.ROUTINE in one(sql, having).effects) is (silent or sql.startswith("COPY"))
    vouched = replace(having, trusted=frozenset({99_999}))
    assert Effect.ROUTINE not in one(f"EXECUTE p ({argument})", vouched).effects


def test_explain_never_hides_a_function(catalog: Catalog) -> None:
    assert Effect.ROUTINE in one("EXPLAIN SELECT f_sql(1)", catalog).effects
    assert Effect.EXPORT in one("EXPLAIN SELECT query_to_xml('x', true, true, '')", catalog).effects


@pytest.mark.parametrize(
    ("sql", "setting"),
    [
        ("SET x.y = on", Setting("x.y", "on")),
        ('SET "Search_Path" = a', Setting("search_path", "a")),
        ("SET x TO DEFAULT", Setting("x", None)),
        ("SET x FROM CURRENT", Setting("x", None, constant=False)),
        ("SET x = -1.5", Setting("x", "-1.5")),
        ("SET NAMES 'SJIS'", Setting("client_encoding", "SJIS")),
        ("SET SCHEMA 'evil'", Setting("search_path", "evil")),
        ("RESET standard_conforming_strings", Setting("standard_conforming_strings", None)),
    ],
)
def test_settings(sql: str, setting: Setting, catalog: Catalog) -> None:
    assert one(sql, catalog).settings == (setting,)


@pytest.mark.parametrize("sql", ["SET ROLE NONE", "SET LOCAL ROLE x", "RESET SESSION AUTHORIZATION", "SET role = x"])
def test_roles_are_privileges(sql: str, catalog: Catalog) -> None:
    assert Effect.PRIVILEGE in one(sql, catalog).effects


def test_the_parameters_of_prepare_are_not_the_statements(catalog: Catalog) -> None:
    assert one("PREPARE p AS SELECT $3", catalog).parameters == 0
    assert one("DECLARE c CURSOR FOR SELECT $3", catalog).parameters == 3


def test_the_parameter_that_is_written_first_is_known_with_its_place(catalog: Catalog) -> None:
    assert one("SELECT '$9' /* $8 */, 'ä', $3, $1", catalog).first_parameter == (3, 28)
    assert one("SELECT 1", catalog).first_parameter == (1, 0)


def test_a_binary_cursor_is_known(catalog: Catalog) -> None:
    for sql, binary in (("DECLARE c BINARY CURSOR FOR SELECT 1", True), ("DECLARE c CURSOR FOR SELECT 1", False)):
        names = one(sql, catalog).names
        assert names is not None
        assert names.binary is binary


def test_nor_are_those_of_an_sql_functions_body(catalog: Catalog) -> None:
    body = "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT $1; END"
    assert one(body, catalog).parameters == 0


def test_names(catalog: Catalog) -> None:
    names = one('DECLARE "C" CURSOR FOR SELECT 1', catalog).names
    assert names is not None
    assert (names.verb, names.name, names.holdable) == (NameVerb.DECLARE, "C", False)
    everything = one("DISCARD ALL", catalog).names
    assert everything is not None
    assert (everything.name, everything.portals, everything.statements) == (None, True, True)


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "INSERT INTO scratch VALUES (1)", "SHOW work_mem", "LOCK orders", "CLOSE c"]
)
def test_names_stay(sql: str, catalog: Catalog) -> None:
    assert not one(sql, catalog).moves_names


@pytest.mark.parametrize(
    "sql",
    ["COMMIT", "SET search_path = a", "CREATE TABLE x ()", "DO ''", "DISCARD TEMP", "EXECUTE p", "SELECT f_sql(1)"],
)
def test_names_move(sql: str, catalog: Catalog) -> None:
    assert one(sql, catalog).moves_names


OPERATOR = Operator("public", "===", 25, 25)


@pytest.mark.parametrize(
    ("sql", "called"),
    [
        ("CREATE TABLE made (t text CHECK (t === 'x'))", "operator ==="),
        ("CREATE INDEX ON scratch (t) WHERE t === 'x'", "operator ==="),
        ("CREATE TABLE made (t text DEFAULT 'x'::us_ssn)", "type us_ssn"),
        ("ALTER TABLE scratch ALTER t TYPE text USING t::us_ssn", "type us_ssn"),
        ("CREATE POLICY made ON scratch USING (t BETWEEN 'a' AND 'b'::us_ssn)", "type us_ssn"),
    ],
)
def test_operators_and_casts_in_definitions_run(sql: str, called: str, catalog: Catalog) -> None:
    known = replace(catalog, operators=(OPERATOR,))
    found = one(sql, known)
    assert called in found.functions
    assert Effect.ROUTINE in found.effects


def test_a_between_runs_the_operators_it_stands_for(catalog: Catalog) -> None:
    known = replace(catalog, operators=(Operator("public", ">=", 25, 25),))
    assert Effect.ROUTINE in one("CREATE TABLE made (t text CHECK (t BETWEEN 'a' AND 'b'))", known).effects


def test_a_definition_that_sets_is_a_setting(catalog: Catalog) -> None:
    found = one("ALTER TABLE scratch ADD COLUMN x text DEFAULT set_config('role', 'root', false)", catalog)
    assert found.settings == (Setting("role", "root"),)
    assert found.effects >= {Effect.PRIVILEGE, Effect.SESSION}


def test_a_serial_column_is_ddl_and_no_more(catalog: Catalog) -> None:
    assert one("CREATE TABLE made (id int DEFAULT nextval('s'), at date DEFAULT now()::date)", catalog).effects == {
        Effect.DDL
    }
    assert one("CREATE TABLE made (id text DEFAULT text(1))", catalog).effects == {Effect.DDL}


def test_a_type_of_ones_own_in_a_cycle_mark_runs(catalog: Catalog) -> None:
    head = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) CYCLE n SET c"
    for mark in ("us_ssn 'x' DEFAULT 'y'", "'x' DEFAULT us_ssn 'y'"):
        assert Effect.ROUTINE in one(f"{head} TO {mark} USING p SELECT n FROM r", catalog).effects
    assert one(f"{head} TO 'x' DEFAULT 'y' USING p SELECT n FROM r", catalog).effects == {Effect.READ}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT t FROM scratch ORDER BY t USING ===",
        "SELECT array_agg(t ORDER BY t USING ===) FROM scratch",
        "SELECT rank() OVER (ORDER BY t USING ===) FROM scratch",
        "SELECT t FROM scratch WHERE t === ANY (SELECT t FROM scratch)",
        "SELECT a.id FROM scratch a JOIN scratch b ON a.t === b.t",
    ],
)
def test_an_operator_is_seen_where_no_expression_has_it(sql: str, catalog: Catalog) -> None:
    found = one(sql, replace(catalog, operators=(OPERATOR,)))
    assert "operator ===" in found.functions
    assert Effect.ROUTINE in found.effects


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SCHEMA made CREATE VIEW v AS SELECT ssn FROM customers",
        "CREATE RULE made AS ON INSERT TO scratch DO ALSO SELECT ssn FROM customers",
        "CREATE FUNCTION made() RETURNS text BEGIN ATOMIC SELECT ssn FROM customers; END",
    ],
)
def test_a_query_that_nobody_reads_is_opaque(sql: str, catalog: Catalog) -> None:
    assert one(sql, catalog).opaque


@pytest.mark.parametrize(
    "source",
    [
        "json_to_record('{}') AS t(a us_ssn)",
        "ROWS FROM (json_to_record('{}') AS (a us_ssn)) t",
        "json_table('1', '$' COLUMNS (a us_ssn)) t",
        "xmltable('/a' PASSING '<a/>' COLUMNS b us_ssn) t",
        "(SELECT us_ssn 'x') t",
    ],
)
def test_a_type_of_ones_own_in_from_runs(source: str, catalog: Catalog) -> None:
    assert Effect.ROUTINE in one(f"SELECT 1 FROM {source}", catalog).effects


def test_a_query_inside_that_cannot_be_told_apart_is_unknown(catalog: Catalog) -> None:
    names = ", ".join(["insert"] * 20)
    assert Effect.UNKNOWN in one(f"CREATE TABLE made ({names}) AS SELECT id FROM customers", catalog).effects
    assert Effect.UNKNOWN not in one("CREATE TABLE made (insert) AS SELECT id FROM customers", catalog).effects
