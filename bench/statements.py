"""What a statement costs before it runs: the first time it is seen, and again. In microseconds, medians.

One embedded PostgreSQL 18 with the demo's shop and its default policy; one thread, everything in turn:

    grammar   PostgreSQL's own parser, its JSON and its deparse
    lineage   effects, lineage and what else the gate reads off the tree
    second    sqlglot's word on it
    text      the decision by the text's word
    Parse     Parse and Sync to the server and back, as any client has them
    + tree    what the same takes longer with debug_print_rewritten, the notice read
    attest    the tree read and walked
    decide    the tree's word put together with the text's, and the decision
    first     all of it but the server's own Parse: what the proxy adds to a statement it has never seen
    shape     the same statement with other constants: everything by the text, the tree by its shape
    again     the same statement once more: both found by their whole text, besides "+ tree"

Run by `make bench`, or by hand with an environment's python. Measures, and asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from pgmaskproxy.build_info import compiled
from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import Analysis, Principal, PrincipalKind, Statement
from pgmaskproxy.policy.engine import decide
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.knowledge import Database, label
from pgmaskproxy.sql.agree import second_reading
from pgmaskproxy.sql.attest.attestation import Attestation
from pgmaskproxy.sql.attest.proven import certain, proven
from pgmaskproxy.sql.attest.reader import stripped, unfold
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.reader import read

T = TypeVar("T")

SHORT = "SELECT id, name, email FROM customers WHERE id = $1"
MEDIUM = """
SELECT c.city, p.name AS product, count(*) AS orders, sum(o.quantity * p.price) AS revenue
  FROM orders o
  JOIN customers c ON c.id = o.customer_id
  JOIN products p ON p.id = o.product_id
 WHERE o.ordered_on >= date '2024-01-01' AND o.status IN ('paid', 'shipped')
 GROUP BY c.city, p.name
HAVING count(*) > 1
 ORDER BY revenue DESC
 LIMIT 20"""
ARM = """
  SELECT o.id, c.name, c.email, o.ordered_on, o.quantity * p.price AS total,
         CASE WHEN o.quantity > {0} THEN 'many' WHEN o.quantity > 1 THEN 'some' ELSE 'one' END AS size,
         rank() OVER (PARTITION BY c.city ORDER BY o.ordered_on DESC) AS place,
         coalesce((SELECT sum(y.amount) FROM payments y WHERE y.order_id = o.id), 0) AS paid
    FROM orders o
    JOIN customers c ON c.id = o.customer_id
    LEFT JOIN products p ON p.id = o.product_id AND p.stock > {0}
   WHERE o.status = 'status {0}' AND o.ordered_on BETWEEN date '2024-01-01' AND date '2024-12-31'
     AND EXISTS (SELECT 1 FROM payments y WHERE y.order_id = o.id AND y.amount > {0})"""
LONG = (
    "WITH every AS ("
    + "\n  UNION ALL".join(ARM.format(number) for number in range(8))
    + "\n)\nSELECT * FROM every WHERE place < 10 ORDER BY total DESC, id LIMIT 100"
)
LIST = f"SELECT id, name FROM customers WHERE id IN ({', '.join(str(number) for number in range(2000))})"
STATEMENTS = {"short": SHORT, "medium": MEDIUM, "long": LONG, "2000 constants": LIST}
COLUMNS = (
    "bytes", "tree", "grammar", "lineage", "second", "text", "Parse", "+ tree", "attest", "decide", "first", "shape",
    "again",
)  # fmt: skip

AGENT = Principal("agent", PrincipalKind.AGENT, frozenset({"agents"}))
OPTIONS = "-c debug_print_rewritten={} -c debug_pretty_print=off -c client_min_messages=log"


@dataclass
class Upstream:
    """A session like the proxy's, or (`trees` off) like anybody's."""

    connection: psycopg.Connection
    details: list[str] = field(default_factory=list)

    def parse(self, text: str) -> str:
        """The tree of a statement, '' where none is sent."""
        self.details.clear()
        result = self.connection.pgconn.prepare(b"", text.encode())
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise RuntimeError(result.error_message.decode())
        return self.details[-1] if self.details else ""


def connect(server: EmbeddedServer, *, trees: bool) -> Upstream:
    """A session as the proxy's own login."""
    options = OPTIONS.format("on" if trees else "off")
    connection = psycopg.connect(server.conninfo("shop"), autocommit=True, options=options)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(shop.ROLE)))
    found = Upstream(connection)
    connection.add_notice_handler(lambda notice: found.details.append(notice.message_detail or ""))
    return found


def median(call: Callable[[], Any], seconds: float) -> float:
    """Of one call, in microseconds; at least five of them."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < until:
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


@dataclass
class Bench:
    """What statements are judged by."""

    known: Database
    path: tuple[str, ...]
    plain: Upstream
    traced: Upstream
    seconds: float

    def __post_init__(self) -> None:
        kinds_known = kinds()
        packaged = resources.files("pgmaskproxy").joinpath("policies", "default.yaml").read_text(encoding="utf-8")
        self.policy = load_policies([("default.yaml", packaged)], kinds_known)
        self.known = label(self.policy, self.known.catalog)

    def measure(self, text: str) -> list[float]:
        """One row of the table, on a thread with the stack that the grammar needs."""
        known, catalog, major = self.known, self.known.catalog, self.known.catalog.version // 10_000
        statement = Statement(text, "shop", shop.ROLE, self.path, extended=True)
        (raw,) = parse(text)
        (only,) = read(text, catalog, self.path)
        analysis = only.analysis
        tree = self.traced.parse(text)
        found = attest(tree, major)

        def judged(one: Analysis) -> None:
            decide(self.policy, AGENT, statement, one, known.labelling, quotable=known.quotable)

        def by_text() -> None:
            judged(analysis)
            judged(certain(analysis))

        def by_tree(one: Attestation) -> None:
            judged(proven(analysis, one, (), known.witness))

        shapes = {stripped(unfold(tree)): found}
        whole = {(tree.encode(), (), statement, AGENT, 1, 1): found}

        def again() -> None:
            same = Statement(text, "shop", shop.ROLE, self.path, extended=True)
            assert whole[bytes(bytearray(tree.encode())), (), same, AGENT, 1, 1] is found

        def m(call: Callable[[], Any]) -> float:
            return median(call, self.seconds)

        grammar = m(lambda: parse(text))
        second = m(lambda: second_reading(raw.kind, raw.node, raw.canonical))
        lineage = max(0.0, m(lambda: read(text, catalog, self.path)) - grammar - second)
        decided = m(by_text)
        plain, traced = m(lambda: self.plain.parse(text)), m(lambda: self.traced.parse(text))
        attested, proved = m(lambda: attest(tree, major)), m(lambda: by_tree(found))
        shaped = m(lambda: by_tree(shapes[stripped(unfold(tree))]))
        gate, sent = grammar + lineage + second + decided, traced - plain
        return [
            len(text), len(tree), grammar, lineage, second, decided, plain, sent, attested, proved,
            gate + sent + attested + proved, gate + sent + shaped, m(again),
        ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each number")
    arguments = parser.parse_args()
    deep = DeepThread("bench")
    with EmbeddedServer() as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        with psycopg.connect(server.conninfo("shop"), autocommit=True) as connection:
            shop.load(connection)
        catalog = asyncio.run(load_catalog(server.conninfo("shop")))
        plain, traced = connect(server, trees=False), connect(server, trees=True)
        row = traced.connection.execute("SELECT pg_catalog.current_schemas(true)::text[]").fetchone()
        assert row is not None
        bench = Bench(Database(catalog, {}), tuple(row[0]), plain, traced, arguments.seconds)
        print(f"{'compiled' if compiled() else 'interpreted'}, PostgreSQL {server.version}; microseconds, medians\n")
        print(f"{'':<16}" + "".join(f"{name:>9}" for name in COLUMNS))
        for name, text in STATEMENTS.items():
            numbers = deep.call(lambda text=text: bench.measure(text))  # type: ignore[misc]
            print(f"{name:<16}" + "".join(f"{number:>9.0f}" for number in numbers), flush=True)
        plain.connection.close()
        traced.connection.close()
    deep.close()


if __name__ == "__main__":
    main()
