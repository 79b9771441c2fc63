"""Reads every fixture, the leak corpus, and arbitrary text.

Fixtures are files: a case is a statement and everything that its analysis says, in the notation of
`notation.py`; what a case does not name must be empty. Adding one needs no Python.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import Analysis, ColumnRef, Effect, Opaque, Use
from pgmaskproxy.sql import reader
from pgmaskproxy.sql.agree import Second
from pgmaskproxy.sql.catalog import Catalog, Operator
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.sql.grammar import MAX_BYTES, MAX_STATEMENTS
from pgmaskproxy.sql.reader import ReadStatement, read
from tests.sql.conftest import FIXTURES, SEARCH_PATH, SNAPSHOTS, deep, interpreted
from tests.sql.notation import output, written

LEAKS = Path(__file__).parent / "corpus" / "leaks.json"
"""The half of the leak corpus that the project ships (docs: THREATS)."""
LABELLED = ("ssn", "email", "card", "dob", "notes")

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['sql']}")
    for path in sorted(FIXTURES.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]
CATALOG = Catalog.from_json((SNAPSHOTS / "corpus15.jsonl").read_text())


def one(sql: str, catalog: Catalog = CATALOG, path: tuple[str, ...] = SEARCH_PATH) -> Analysis:
    statements = deep(lambda: read(sql, catalog, path))
    assert len(statements) == 1
    return statements[0].analysis


@pytest.mark.parametrize("case", CASES)
def test_fixture(case: dict[str, object]) -> None:
    assert written(one(str(case["sql"]))) == {key: value for key, value in case.items() if key != "sql"}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_version_makes_no_difference(path: Path, catalog18: Catalog) -> None:
    for case in yaml.safe_load(path.read_text()):
        found = one(case["sql"], catalog18)
        assert found.outputs == one(case["sql"]).outputs or "pg_catalog" in str(found.reads)


def all_of(sql: str) -> list[Analysis]:
    return [item.analysis for item in deep(lambda: read(sql, CATALOG, SEARCH_PATH))]


def test_where_the_second_reader_has_no_tree_no_output_is_known() -> None:
    """sqlglot has no XMLTABLE: what the text tells then rests on one reader alone."""
    found = one("SELECT c.id, x.v FROM customers c, XMLTABLE('/a' PASSING '<a/>' COLUMNS v text PATH '.') x")
    assert [type(origin) for origin in found.outputs or ()] == [Opaque, Opaque]


@interpreted
def test_where_the_second_reader_says_otherwise_the_statement_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Effect.UNKNOWN not in one("SELECT id FROM customers").effects
    monkeypatch.setattr(reader, "second_opinion", lambda _: (Second.DISAGREES, "it reads another relation", False))
    found = one("SELECT id FROM customers")
    assert Effect.UNKNOWN in found.effects
    assert [type(origin) for origin in found.outputs or ()] == [Opaque]


def test_where_the_second_reader_sees_the_constants_each_is_read() -> None:
    """A string with a backslash has no skeleton, neither the client's nor the canonical one."""
    for sql, general in (("SELECT id FROM customers WHERE id = 7", True), (r"SELECT E'a\\b' FROM customers", False)):
        (found,) = deep(lambda sql=sql: read(sql, CATALOG, SEARCH_PATH))  # type: ignore[misc]
        assert found.by_kinds is general


def viewing(definition: str) -> Analysis:
    """What reading a view says that has this definition."""
    views = [replace(each, definition=definition) for each in CATALOG.relations if each.name == "v_customers"]
    others = tuple(each for each in CATALOG.relations if each.name != "v_customers")
    return one("SELECT id FROM v_customers", replace(CATALOG, relations=(*others, *views)))


def test_functions_in_a_view_are_the_statements_and_a_view_that_cannot_be_read_is_unknown() -> None:
    columns = "name, ssn AS tax_no, email AS uemail"
    assert viewing(f"SELECT id, {columns} FROM customers").effects == {Effect.READ}
    assert Effect.ROUTINE in viewing(f"SELECT id, {columns} FROM customers WHERE f_sql(id) = ''").effects
    assert Effect.UNKNOWN in viewing("not SQL (").effects


def test_what_only_a_tree_knows_better_is_told_apart() -> None:
    """A utility statement's own expressions are in no tree, and no tree tells which setting set_config() sets."""
    assert one("SELECT f_sql(1)").called_effects == {Effect.ROUTINE}
    default = one("ALTER TABLE orders ALTER memo SET DEFAULT f_sql(1)")
    assert Effect.ROUTINE in default.effects
    assert default.called_effects == frozenset()
    role = one("SELECT set_config('role', 'x', false)")
    assert Effect.PRIVILEGE in role.effects
    assert Effect.PRIVILEGE not in role.called_effects


def test_a_with_query_that_nobody_reads_runs_all_the_same() -> None:
    found = one("WITH x AS (DELETE FROM orders WHERE memo = f_sql(1) RETURNING id) SELECT 1")
    assert {Effect.WRITE, Effect.ROUTINE} <= found.effects
    assert [str(ref) for ref in found.writes] == ["public.orders"]


def test_a_text_of_very_many_statements_is_not_read() -> None:
    with pytest.raises(Unparsable) as refused:
        all_of("BEGIN;" * (MAX_STATEMENTS + 1))
    assert refused.value.sqlstate == "54000"


# -- the leak corpus: no labelled column comes out clear ---------------------------------------------------------


def labels() -> frozenset[ColumnRef]:
    declared = {ColumnRef("public", "customers", name): frozenset({"pii"}) for name in LABELLED}
    declared |= {ColumnRef("public", table, "ssn"): frozenset({"pii"}) for table in ("people", "gen")}
    return frozenset(deep(lambda: close_labels(CATALOG, declared)))


def guarded(analysis: Analysis, secret: frozenset[ColumnRef]) -> bool:
    """Whether policy has something to hold on to: a labelled column, an opaque output, or an effect beyond READ."""
    origins = analysis.outputs
    return (
        origins is None
        or any(isinstance(origin, Opaque) or bool(origin.columns & secret) for origin in origins)
        or any(use.column in secret for use in analysis.uses)
        or bool(analysis.effects - {Effect.READ})
    )


def test_leak_corpus() -> None:
    secret = labels()
    clear: list[str] = []
    for row in json.loads(LEAKS.read_text()):
        try:
            found = [guarded(item, secret) for sql in row["sql"] for item in all_of(sql)]
        except Unparsable:
            continue
        named = any("customers" in sql or "people" in sql for sql in row["sql"])
        if not any(found) and named and not row["defence"].startswith(("ok", "n/a", "-")):
            clear.append(row["id"])
        if len(row["sql"]) == 1 and row["raw_leak_observed"] and not any(found):
            clear.append(row["id"])
    assert clear == []


def test_masked_rows_name_the_column_they_leak() -> None:
    """Where the corpus says `mask` and the server names a base column, lineage names it too."""
    for row in json.loads(LEAKS.read_text()):
        if row["defence"] != "mask" or len(row["sql"]) != 1 or not row.get("rowdesc"):
            continue
        analysis = one(row["sql"][0])
        for origin, (_, table, number, *_rest) in zip(analysis.outputs or (), row["rowdesc"][0], strict=True):
            if not table or not number or isinstance(origin, Opaque):
                continue
            relation = CATALOG.by_name["public", table]
            column = next(column for column in relation.columns if column.number == number)
            assert relation.column_ref(column) in origin.columns, row["id"]


# -- parser pitfalls (THREATS, "Where parsers differ from the server") -----------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT @id FROM customers", ["f(customers.id)"]),
        ("SELECT name FROM customers AS t(id,ssn,email,name)", ["customers.ssn"]),
        ('SELECT U&"\\0073sn" FROM customers', ["customers.ssn"]),
        ("SELECT name AS x, ssn AS x FROM customers", ["customers.name", "customers.ssn"]),
        ("SELECT 'a' /* /* ssn */ */ , $q$ssn$q$, E'\\' , ssn' FROM customers", ["-", "-", "-"]),
        ("SELECT /* c */ ssn -- d\n FROM customers", ["customers.ssn"]),
    ],
)
def test_pitfall(sql: str, expected: list[str]) -> None:
    assert [output(origin) for origin in one(sql).outputs or ()] == expected


def test_no_break_space_is_part_of_a_name() -> None:
    assert [output(origin) for origin in one("SELECT ssn\u00a0 FROM customers").outputs or ()] == ["?"]


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT 1\0, ssn FROM customers", "22021"),
        ("SELECT '\ud800'", "22021"),
        ("SELECT 'a' FROM WHERE", "42601"),
        ("SELECT " + "(SELECT " * 500 + "1" + ")" * 500, "54001"),
        ("SELECT " + "(" * 12_000 + "1" + ")" * 12_000, "54001"),
        ("SELECT " + "1+" * 21_500 + "1", "54001"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 10_000, "54001"),
        ("SELECT '" + "x" * MAX_BYTES + "'", "54000"),
    ],
)
def test_refused(sql: str, sqlstate: str) -> None:
    with pytest.raises(Unparsable) as caught:
        deep(lambda: read(sql, CATALOG, SEARCH_PATH))
    assert caught.value.sqlstate == sqlstate


def test_deep_but_allowed() -> None:
    """What sqlglot's recursion cannot take is Opaque, not an error and not clear."""
    analysis = one("SELECT " + "(SELECT " * 30 + "1" + ")" * 30)
    assert analysis.outputs is not None
    nested = one("SELECT lower(" * 1 + "name || " * 110 + "ssn)" + " FROM customers")
    assert any(use.column.column == "ssn" for use in nested.uses)


def test_nested_recursion_is_bounded() -> None:
    """WITH RECURSIVE inside WITH RECURSIVE is read once more at every level; a count ends it."""
    sql = "SELECT 1 AS x"
    for level in range(18):
        sql = f"WITH RECURSIVE t{level} AS (({sql}) UNION ALL SELECT x FROM t{level}) SELECT x FROM t{level}"
    with pytest.raises(Unparsable) as caught:
        one(sql)
    assert caught.value.sqlstate == "54001"


def test_statements_and_offsets() -> None:
    found = deep(lambda: read("SELECT 'é';;SELECT ssn FROM customers -- x", CATALOG, SEARCH_PATH))
    assert [(item.text, item.offset) for item in found] == [
        ("SELECT 'é'", 0),
        ("SELECT ssn FROM customers -- x", 12),
    ]
    assert deep(lambda: read(" ; -- nothing", CATALOG, SEARCH_PATH)) == ()


def test_every_guess_counts() -> None:
    analysis = one("SELECT 1 FROM customers WHERE ssn = 'a' UNION ALL SELECT 1 FROM customers WHERE ssn = 'a'")
    analysis = one("SELECT 1 FROM customers WHERE ssn = 'a' UNION ALL SELECT 2 FROM customers WHERE ssn = $1")
    guesses = [use for use in analysis.uses if use.use is Use.EQUALITY]
    assert [guess.parameter for guess in guesses] == [False, True]


def test_guesses_in_one_list_are_predicates() -> None:
    analysis = one(
        "SELECT 1 FROM customers c JOIN (SELECT name v FROM customers UNION ALL VALUES ('x')) g ON c.ssn = g.v"
    )
    assert {use.use for use in analysis.uses if use.column.column == "ssn"} == {Use.PREDICATE}


def test_an_operator_of_the_users_is_no_equality() -> None:
    """citext and its like bring an `=` of their own; where it could be meant, it is a ROUTINE."""
    catalog = Catalog(CATALOG.relations, operators=(Operator("public", "=", 99_999, 99_999),))
    assert one("SELECT id FROM customers WHERE ssn = 'x'", catalog).effects == {Effect.READ}
    assert Effect.ROUTINE in one("SELECT id FROM customers WHERE lower(ssn) = 'x'", catalog).effects
    same = Catalog(CATALOG.relations, operators=(Operator("public", "=", 25, 25),))
    found = one("SELECT id FROM customers WHERE ssn = 'x'", same)
    assert Effect.ROUTINE in found.effects
    assert {use.use for use in found.uses} == {Use.PREDICATE}
    shadowed = one("SELECT id FROM customers WHERE ssn = 'x'", catalog, ("public", "pg_catalog"))
    assert Effect.ROUTINE in shadowed.effects


@pytest.mark.parametrize(
    ("sql", "called"),
    [
        ("SELECT lower('x')", set()),
        ("SELECT nextval('s')", {Effect.WRITE}),
        ("INSERT INTO customers(id) SELECT nextval('s')", set()),
        ("SELECT f_sql(1)", {Effect.ROUTINE}),
        ("SELECT nobody_knows(1, 2)", {Effect.UNKNOWN}),
        ("SELECT pg_sleep(1), query_to_xml('x', true, true, '')", {Effect.ADMIN, Effect.EXPORT}),
        ("SELECT query FROM pg_stat_activity", set()),
        ("SELECT query, pg_sleep(1) FROM pg_stat_activity", set()),
        ("SELECT set_config('work_mem', '1', false)", {Effect.SESSION}),
        ("SELECT set_config('role', 'postgres', false)", {Effect.SESSION}),
        ("EXPLAIN SELECT pg_sleep(1)", {Effect.ADMIN}),
        ("PREPARE p(int) AS SELECT f_sql($1)", {Effect.ROUTINE}),
        ("PREPARE p(us_ssn) AS SELECT f_sql(1)", set()),
        ("EXECUTE p(f_sql(1))", set()),
        ("CALL f_sql(1)", set()),
        ("COPY (SELECT pg_read_file('x')) TO STDOUT", {Effect.EXPORT}),
    ],
)
def test_effects_that_are_only_the_functions(sql: str, called: set[Effect]) -> None:
    analysis = one(sql)
    assert analysis.called_effects == called
    assert analysis.called_effects <= analysis.effects


def test_search_path_decides_which_relation() -> None:
    assert one("SELECT relname FROM pg_class", path=("pg_catalog", "public")).outputs != ()
    assert isinstance((one("SELECT ssn FROM customers", path=("pg_catalog",)).outputs or ())[0], Opaque)


def test_a_view_that_runs_functions_is_a_routine() -> None:
    view = CATALOG.by_name["public", "v_customers"]
    changed = type(view)(
        view.oid, view.schema, view.name, "v", view.columns, view.owner, "SELECT public.f_sql(1), 1, 2, 3"
    )
    others = tuple(relation for relation in CATALOG.relations if relation.oid != view.oid)
    catalog = Catalog((*others, changed), CATALOG.functions)
    assert Effect.ROUTINE in one("SELECT id FROM v_customers", catalog).effects
    broken = type(view)(view.oid, view.schema, view.name, "v", view.columns, view.owner, "SELEKT")
    assert Effect.UNKNOWN in one("SELECT id FROM v_customers", Catalog((*others, broken))).effects


def test_redacted_never_has_a_literal() -> None:
    analysis = one("SELECT 'sec''ret', 42, $1, U&'sec' FROM customers /* sec */ WHERE ssn = $$secret$$")
    assert "sec" not in analysis.redacted
    assert "42" not in analysis.redacted
    assert "$1" in analysis.redacted


# -- nothing but Unparsable ---------------------------------------------------------------------------------------

VOCABULARY = """
SELECT FROM WHERE customers ssn name c * , ( ) . = $1 'x' 1 AS JOIN ON USING UNION ALL WITH RECURSIVE t INSERT INTO
VALUES UPDATE SET DELETE RETURNING MERGE WHEN MATCHED THEN COPY TO STDOUT EXPLAIN PREPARE DECLARE CURSOR FOR IN
EXISTS ORDER BY GROUP LIMIT OVER PARTITION LATERAL ROW :: text [ ] -- ; CASE END ARRAY NULL IS NOT NATURAL lower count
"""
WORDS = st.sampled_from(VOCABULARY.split())


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map(" ".join)))
def test_reads_or_refuses(sql: str) -> None:
    try:
        found = deep(lambda: read(sql, CATALOG, SEARCH_PATH))
    except Unparsable:
        return
    assert all(isinstance(item, ReadStatement) for item in found)
