"""PostgreSQL's own programs: pg_dump and what restores its dumps, pgbench in its three modes.

pgbench's tables are made directly and filled through the proxy: by a policy that allows DDL and, for VACUUM, ADMIN.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.drivers.matrix import Cell
from tests.e2e.drivers import psql_environment
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

EVERYTHING: Final = os.environ.get("CONFORMANCE") == "all"
SERVERS: Final = ("15", "18") if EVERYTHING else ("18",)
EXTENT: Final = None if EVERYTHING else 1
"""How many ways of each kind are tried."""

POLICY: Final = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: tools
labels:
  pii: {columns: ["*.*.ssn", "*.*.birth_date", "*.*.notes", "*.*.profile", "*.*.salary"], mask: {kind: redact}}
  card: {columns: ["*.*.card"], mask: {kind: partial, last: 4}}
  email: {columns: ["*.*.email"], mask: {kind: email}}
rules:
  - {id: everything, effects: [READ, WRITE, DDL, PRIVILEGE, ADMIN], decide: allow}
  - {id: dumps, effects: [READ], relations: [pg_catalog.pg_foreign_server, pg_catalog.pg_attribute], decide: allow}
"""

TARGET: Final = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: tools
rules:
  - {id: everything, effects: [READ, WRITE, DDL, PRIVILEGE, ADMIN], decide: allow}
  - {id: dumps, effects: [READ], relations: [pg_catalog.pg_foreign_server, pg_catalog.pg_attribute], decide: allow}
"""
"""Where masked rows are restored: into labelled columns nobody may write them."""

PEOPLE: Final = """
CREATE TABLE shop.people AS SELECT id, name, email, ssn, card, birth_date, city FROM shop.customers;
ALTER TABLE shop.people ADD PRIMARY KEY (id);
CREATE INDEX ON shop.people (city);
COMMENT ON COLUMN shop.people.ssn IS 'it''s nobody''s business';
CREATE VIEW shop.people_in_lyon AS SELECT id, name, ssn FROM shop.people WHERE city = 'Lyon';
INSERT INTO shop.people VALUES (1000, E'tab\\there', NULL, NULL, '', NULL, E'two\\nlines\\\\.');
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO pgmaskproxy;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO pgmaskproxy;
GRANT SELECT (id, name) ON shop.people TO PUBLIC;
GRANT CREATE ON SCHEMA shop TO pgmaskproxy;
"""
ROWS: Final = (
    "SELECT id, name, left(email, 1) || '***@' || split_part(email, '@', 2), regexp_replace(ssn, '.+', '***'),"
    " '***' || right(card, 4), NULL, city FROM shop.people ORDER BY id"
)
"""What the masks make of the source, by the server itself."""
ARRIVED: Final = "SELECT id, name, email, ssn, card, birth_date, city FROM shop.people ORDER BY id"
PARTS: Final = ("--table=shop.people", "--table=shop.products")

LOCKED: Final = (
    "55P03 while another of its connections has locked a table that a view reads: the proxy cannot read the view's"
    " definition before that transaction has ended"
)
Note = Callable[..., None]


@pytest.fixture(params=SERVERS)
def tooled(request: pytest.FixtureRequest) -> EmbeddedServer:
    """The servers in turn."""
    found = request.getfixturevalue(f"pg{request.param}")
    assert isinstance(found, EmbeddedServer)
    return found


@pytest.fixture
def before(tooled: EmbeddedServer, tmp_path: Path) -> Iterator[Proxy]:
    """Before the shop, with `people` in it."""
    (tmp_path / "source").mkdir()
    with servers.fresh_shop(tooled) as database:
        with psycopg.connect(database.admin, autocommit=True) as admin:
            admin.execute(PEOPLE)
        run(database, database.upstream, "pgbench", "-i", "-q", "-I", "t")
        with proxies.in_process(database, tmp_path / "source", policy=POLICY) as running:
            yield running
            running.check_bytes()


@pytest.fixture
def behind(tooled: EmbeddedServer, tmp_path: Path) -> Iterator[Proxy]:
    """Before a database with an empty schema that its login may fill."""
    (tmp_path / "target").mkdir()
    with (
        servers.fresh_shop(tooled) as database,
        proxies.in_process(database, tmp_path / "target", policy=TARGET) as running,
    ):
        with psycopg.connect(database.admin, autocommit=True) as admin:
            admin.execute("DROP SCHEMA shop CASCADE; CREATE SCHEMA shop; GRANT ALL ON SCHEMA shop TO pgmaskproxy")
        yield running


@pytest.fixture
def note(tooled: EmbeddedServer, record_property: Callable[[str, object], None]) -> Note:
    """Says of which cells of the table the test is the proof: a program, and what it does."""

    def noted(program: str, does: str, lacks: str = "") -> None:
        record_property("cell", Cell(program, tooled.version, does, tooled.version.split(".")[0], lacks).said())

    return noted


def through(proxy: Proxy, program: str, *arguments: str) -> str:
    """As the agent."""
    return run(proxy.database, proxy.conninfo(), program, *arguments)


def run(database: servers.Database, conninfo: str, program: str, *arguments: str) -> str:
    """What it prints; it must end well and have nothing to say beside it, but for pgbench's progress."""
    ended = subprocess.run(
        [str(database.server.bindir / program), *arguments],
        env=psql_environment(conninfo),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    if program != "pgbench":
        assert ended.stderr == ""
    return ended.stdout


def rows(proxy: Proxy, query: str) -> list[tuple[Any, ...]]:
    """What a superuser sees."""
    with psycopg.connect(proxy.database.admin) as admin:
        return admin.execute(query.encode()).fetchall()


def _check_restored(source: Proxy, target: Proxy) -> None:
    truth = rows(source, ROWS)
    assert len(truth) == 240
    assert rows(target, ARRIVED) == truth
    products = "SELECT * FROM shop.products ORDER BY id"
    assert rows(target, products) == rows(source, products)
    assert rows(target, "SELECT nextval('shop.products_id_seq')") == [(25,)]
    objects = (
        "SELECT (SELECT array_agg(indexdef ORDER BY 1) FROM pg_indexes WHERE schemaname = 'shop' AND tablename ~ 'p'),"
        " col_description('shop.people'::regclass, 4),"
        " (SELECT relacl::text[] && ARRAY['=r'] FROM pg_class WHERE oid = 'shop.people'::regclass)"
    )
    (indexes, comment, _), *_ = rows(target, objects)
    assert len(indexes) == 4
    assert comment == "it's nobody's business"
    target.tap.clear()  # nobody reads in it what is not masked already


@pytest.mark.parametrize("jobs", ["1", "3"][:EXTENT])
def test_pg_restore(before: Proxy, behind: Proxy, note: Note, jobs: str) -> None:
    """A dump of masked rows, restored by one connection or by several at a time."""
    note("pg_dump", "-Fc: masked rows")
    note("pg_restore", f"--jobs={jobs}: what pg_dump wrote")
    note("pg_restore", "--jobs, of tables that views read", LOCKED)
    target = str(before.directory.parent / "dump")
    through(before, "pg_dump", "-Fc", "-f", target, *PARTS)
    through(behind, "pg_restore", "--no-owner", "--exit-on-error", f"--jobs={jobs}", "-d", behind.database.name, target)
    _check_restored(before, behind)


@pytest.mark.parametrize("form", ["", "--inserts", "--rows-per-insert=50"][:EXTENT])
def test_a_dump_in_sql_is_played_by_psql(before: Proxy, behind: Proxy, note: Note, form: str) -> None:
    """COPY FROM STDIN with the rows in the script, or INSERT."""
    note("pg_dump", f"-Fp {form}: masked rows".replace(" :", ":"))
    note("psql -f", f"a dump {form}".strip())
    target = str(before.directory.parent / "dump.sql")
    through(before, "pg_dump", "-f", target, "--no-owner", *PARTS, *([form] if form else []))
    through(behind, "psql", "-X", "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-f", target)
    _check_restored(before, behind)


@pytest.mark.parametrize("form", ["-Fd", "-Ft"][:EXTENT])
def test_the_whole_shop_is_dumped_masked(before: Proxy, note: Note, form: str) -> None:
    """Everything in it: partitions, views, functions."""
    note("pg_dump", f"{form}: the whole shop")
    note("pg_dump", "--jobs: by several connections that share a snapshot", "pg_export_snapshot() shows NULL: ADMIN")
    target = before.directory.parent / "dump"
    through(before, "pg_dump", form, "-f", str(target), "--schema=shop")
    listed = through(before, "pg_restore", "--list", str(target))
    assert "TABLE DATA shop customers" in listed
    data = through(before, "pg_restore", "--data-only", "--table=customers", "-f", "-", str(target))
    cells = [line.split("\t") for line in data.splitlines() if line.count("\t") == 9]
    assert len(cells) == 239
    assert {cell[3] for cell in cells} == {"***"}


BALANCES: Final = (
    "SELECT (SELECT sum(abalance) FROM shop.pgbench_accounts), (SELECT sum(tbalance) FROM shop.pgbench_tellers),"
    " (SELECT sum(bbalance) FROM shop.pgbench_branches), (SELECT sum(delta) FROM shop.pgbench_history)"
)
LOOK: Final = """\
\\set id random(1, 239)
BEGIN;
SELECT id, name, ssn, email, card FROM customers WHERE id = :id;
UPDATE products SET stock = stock + 1 WHERE id = 1 + :id % 24;
END;
"""


def test_pgbench(before: Proxy, note: Note) -> None:
    """Its tables, its own transaction and one with masked cells, in three modes: the books balance afterwards."""
    script = before.directory.parent / "look.sql"
    script.write_text(LOOK, encoding="ascii")
    note("pgbench", "-i -I gvp: TRUNCATE, COPY, VACUUM, ALTER TABLE")
    note("pgbench", "-i -I dt", "names without a schema that are not there yet: no rule allows them, one may hold them")
    through(before, "pgbench", "-i", "-q", "-I", "gvp")
    assert rows(before, "SELECT count(*) FROM shop.pgbench_accounts") == [(100000,)]
    stock = rows(before, "SELECT sum(stock) FROM shop.products")[0][0]
    for number, mode in enumerate(("simple", "extended", "prepared"), 1):
        note("pgbench", f"-M {mode}: its own transaction, and one with masked cells")
        told = through(before, "pgbench", "-n", "-M", mode, "-c", "3", "-t", "20")
        assert "number of transactions actually processed: 60/60" in told
        told = through(before, "pgbench", "-n", "-M", mode, "-c", "3", "-t", "20", "-f", str(script))
        assert "number of transactions actually processed: 60/60" in told
        (balances,) = rows(before, BALANCES)
        assert len(set(balances)) == 1, balances
        assert rows(before, "SELECT count(*) FROM shop.pgbench_history") == [(60 * number,)]
        assert rows(before, "SELECT sum(stock) FROM shop.products") == [(stock + 60 * number,)]
