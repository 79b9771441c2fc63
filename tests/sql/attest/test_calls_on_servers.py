"""What real servers' trees call, with extensions, domains, operators and aggregates of users."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import Effect
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.attest.calls import CallVerdict, judge_calls
from pgmaskproxy.sql.attest.notice import at_parse
from pgmaskproxy.sql.attest.reader import unfold
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import read
from tests.sql.attest.server import DATABASE, OPTIONS, Trees, fields_of
from tests.sql.conftest import SEARCH_PATH, deep

OBJECTS = """
CREATE SCHEMA called;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE FUNCTION called.spies(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE DOMAIN called.plain AS text CHECK (VALUE ~ '^a' AND length(VALUE) < 9);
CREATE DOMAIN called.spied AS text CHECK (called.spies(VALUE));
CREATE DOMAIN called.sets AS text CHECK (set_config('search_path', VALUE, false) IS NOT NULL);
CREATE DOMAIN called.dumps AS text CHECK (query_to_xml(VALUE, true, true, '') IS NOT NULL);
CREATE DOMAIN called.nested AS called.spied;
CREATE TYPE called.mood AS ENUM ('happy', 'sad');
CREATE TYPE called.pair AS (a int, b called.spied);
CREATE TYPE called.calm AS (a int, b called.mood);
CREATE TYPE called.words AS RANGE (subtype = citext);
CREATE TABLE called.t (id int, name citext, tags hstore, kind called.mood, duo called.pair, dull called.plain);
CREATE OPERATOR called.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
CREATE OPERATOR called.=?= (LEFTARG = text, RIGHTARG = text, FUNCTION = text_larger);
CREATE FUNCTION called.joins(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
CREATE OPERATOR called.|+| (LEFTARG = text, RIGHTARG = text, FUNCTION = called.joins);
CREATE AGGREGATE called.glued (text) (SFUNC = textcat, STYPE = text);
CREATE FUNCTION called.total(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
"""


@dataclass
class Called:
    """A server with all of that, and its catalog."""

    trees: Trees
    catalog: Catalog

    def judge(self, sql: str, catalog: Catalog | None = None) -> CallVerdict:
        """What Parse's tree of `sql` calls."""
        own = at_parse(self.trees.parse(sql)).own
        assert own is not None
        return judge_calls(attest(unfold(own), self.trees.major).called, catalog or self.catalog)

    def trusting(self, *names: str) -> Catalog:
        """The catalog with functions trusted by `schema.name`, or by their extension."""
        return replace(
            self.catalog,
            trusted=frozenset(
                function.oid
                for function in self.catalog.functions
                if f"{function.schema}.{function.name}" in names or function.extension in names
            ),
        )


@pytest.fixture(scope="module")
def called(attested: EmbeddedServer) -> Iterator[Called]:
    with psycopg.connect(
        attested.conninfo(DATABASE), autocommit=True, options=OPTIONS, prepare_threshold=None
    ) as connection:
        connection.execute("SET client_min_messages TO error")
        connection.execute(OBJECTS)
        connection.execute("SET client_min_messages TO log")
        trees = Trees(connection)
        connection.add_notice_handler(lambda notice: trees.notices.append(fields_of(notice)))
        yield Called(trees, asyncio.run(load_catalog(attested.conninfo(DATABASE))))
        connection.execute("DROP SCHEMA called CASCADE")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*), max(id), row_number() OVER (ORDER BY kind) FROM called.t GROUP BY kind",
        "SELECT DISTINCT kind, id FROM called.t ORDER BY kind DESC",
        "SELECT 'happy'::called.mood, ARRAY['sad'::called.mood], '{sad}'::called.mood[]",
        "SELECT 'abc'::called.plain, $1::called.plain, ROW(1, 'sad')::called.calm",
        "SELECT 'a' OPERATOR(called.===) 'b', 'a' OPERATOR(called.=?=) id::text FROM called.t",
        "SELECT greatest(kind, 'sad'), least(id, 3) FROM called.t",
        "SELECT * FROM pg_class TABLESAMPLE bernoulli (10) REPEATABLE (1)",
        "SELECT * FROM information_schema.columns",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'called.t'::regclass",
        "SELECT current_user, id::text::int, (ARRAY[1, 2])[id] FROM called.t",
        "SELECT * FROM json_to_recordset('[]') AS x(a int, b text, c called.mood)",
        "SELECT sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM called.t",
        "INSERT INTO called.t(id, kind) VALUES (1, 'sad')",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM called.t",
    ],
)
def test_ordinary_statements_call_nothing_but_safe_functions(called: Called, sql: str) -> None:
    assert called.judge(sql) == CallVerdict()


@pytest.mark.parametrize(
    ("sql", "functions"),
    [
        ("SELECT called.total(1)", {"called.total"}),
        ("SELECT called.glued(kind::text) FROM called.t", {"called.glued"}),
        ("SELECT 'a' OPERATOR(called.|+|) 'b'", {"called.joins"}),
        ("SELECT 'x'::called.spied", {"called.spies"}),
        ("SELECT $1::called.nested", {"called.spies"}),
        ("SELECT name::text::called.spied FROM called.t", {"called.spies"}),
        ("SELECT '(1,x)'::called.pair", {"called.spies"}),
        ("SELECT '{\"(1,x)\"}'::called.pair[]", {"called.spies"}),
        ("SELECT json_populate_record(duo, '{}') FROM called.t", {"called.spies"}),
        ("SELECT * FROM jsonb_populate_recordset(NULL::called.pair, '[]')", {"called.spies"}),
        ("SELECT * FROM json_to_record('{}') AS x(a called.spied)", {"called.spies"}),
        ("SELECT id FROM called.t WHERE name = id::text::citext", {"public.citext_eq", "public.citext"}),
    ],
)
def test_what_users_and_extensions_bring_is_a_routine(called: Called, sql: str, functions: set[str]) -> None:
    verdict = called.judge(sql)
    assert verdict.effects == {Effect.ROUTINE}
    assert functions - verdict.functions <= {"public.citext"}
    assert not verdict.constant_independent
    assert verdict.unknown == ()


def test_xml_makes_values_of_a_domain(called: Called) -> None:
    if called.trees.major > 15:
        pytest.skip("the wheel's server is built without libxml")
    assert called.judge("SELECT xmlelement(name a, id) FROM called.t") == CallVerdict()
    sql = "SELECT * FROM xmltable('a' PASSING '<a/>' COLUMNS b {} PATH 'b')"
    assert called.judge(sql.format("int")) == CallVerdict()
    assert called.judge(sql.format("called.spied")).functions == {"called.spies"}


def test_json_makes_values_of_a_domain(called: Called) -> None:
    if called.trees.major < 17:
        pytest.skip("JSON_VALUE and JSON_TABLE came with 17")
    for sql in (
        "SELECT json_value('{}', '$' RETURNING called.spied)",
        "SELECT * FROM json_table('{}', '$' COLUMNS (a called.spied PATH '$.a'))",
    ):
        assert called.judge(sql).functions == {"called.spies"}


@pytest.mark.parametrize(
    ("sql", "effect", "function"),
    [
        ("SELECT $1::called.sets", Effect.SESSION, "pg_catalog.set_config"),
        ("SELECT 'x'::called.dumps", Effect.EXPORT, "pg_catalog.query_to_xml"),
        ("SELECT table_to_xml('called.t', true, true, '')", Effect.EXPORT, "pg_catalog.table_to_xml"),
        ("SELECT lo_get(1)", Effect.EXPORT, "pg_catalog.lo_get"),
        ("SELECT nextval('numbers')", Effect.WRITE, "pg_catalog.nextval"),
        ("SELECT ts_rewrite('a', 'SELECT 1')", Effect.EXPORT, "pg_catalog.ts_rewrite"),
        ("SELECT pg_advisory_lock(1)", Effect.ADMIN, "pg_catalog.pg_advisory_lock"),
        ("SELECT domain_in('x', 'called.spied'::regtype, -1)", Effect.UNKNOWN, "pg_catalog.domain_in"),
    ],
)
def test_what_the_server_itself_brings(called: Called, sql: str, effect: Effect, function: str) -> None:
    verdict = called.judge(sql)
    assert verdict.effects == {effect}
    assert verdict.functions == {function}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM called.t WHERE name = 'x' AND name LIKE 'y%' ORDER BY name",
        "SELECT name, count(*) FROM called.t GROUP BY name HAVING max(name) > 'a'",
        "SELECT DISTINCT ON (name) name FROM called.t UNION SELECT 'z'::citext",
        "SELECT greatest(name, 'x'), tags -> 'a', tags ? 'b', 'a=>1'::hstore FROM called.t",
        "SELECT similarity('a', 'b'), 'a' % 'b', word_similarity('a', 'b') FROM called.t",
        "SELECT id FROM called.t WHERE (name, id) < ('x', 1)",
        "SELECT '[a,b)'::called.words, tags['a'] FROM called.t",
        "SELECT name::text, $1::citext FROM called.t",
    ],
)
def test_trusted_extensions(called: Called, sql: str) -> None:
    assert called.judge(sql).effects == {Effect.ROUTINE}
    trusting = called.trusting("citext", "hstore", "pg_trgm")
    verdict = called.judge(sql, trusting)
    assert (verdict.effects, verdict.functions, verdict.unknown) == (frozenset(), frozenset(), ())


def test_the_text_trusts_the_same(called: Called) -> None:
    sql = "SELECT similarity(name::text, 'b') FROM called.t WHERE name = 'x'::citext AND name ~~ 'y'"
    trusting = called.trusting("citext", "hstore", "pg_trgm")
    assert deep(lambda: read(sql, called.catalog, SEARCH_PATH))[0].analysis.effects == {Effect.READ, Effect.ROUTINE}
    assert deep(lambda: read(sql, trusting, SEARCH_PATH))[0].analysis.effects == {Effect.READ}


def test_what_came_after_the_catalog_was_read_is_unknown(called: Called) -> None:
    called.trees.connection.execute("CREATE FUNCTION called.later(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    called.trees.connection.execute("CREATE TYPE called.later AS ENUM ('a')")
    for sql in ("SELECT called.later(1)", "SELECT 'a'::called.later"):
        verdict = called.judge(sql)
        assert verdict.effects == {Effect.UNKNOWN}
        assert len(verdict.unknown) == 1
