"""The oracle: PostgreSQL's own regression SQL, read as text and attested by the server's tree, and the two compared.

    make oracle REGRESS=path/to/src/test/regress/sql

Every script runs in a database of its own, a copy of one where test_setup.sql and the create_*.sql scripts have run.
A third of all columns are labelled, which ones the seed says. Before a statement runs, what its text says
(`sql/reader`) is held against what the server's rewritten tree says (`sql/attest`): the text may concede (Opaque), it
may never call clean what the tree calls labelled. Exits 1 where it does. None of the scripts is part of this project.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import Analysis, Effect
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.sql.agree import Second, second_reading
from pgmaskproxy.sql.attest.reader import unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.reader import ReadStatement, read
from pgmaskproxy.sql.statements import KEEPS_NAMES, LINEAGE
from tests.harness.servers import DEBIAN_15
from tests.oracle.database import Database, session
from tests.oracle.scripts import Command, commands
from tests.oracle.verdicts import Verdict, compare

FIRST: Final = ("test_setup", "create_function_c", "create_misc", "create_type", "create_index")
"""What the other scripts build on."""
SKIPPED: Final = frozenset({"infinite_recurse", "psql", "psql_crosstab", "tablespace", "collate.windows.win1252"})
"""Scripts about something else than SQL, or that another cluster is for."""
_HAVE_QUERIES: Final = LINEAGE | {"CopyStmt", "CreateTableAsStmt", "DeclareCursorStmt", "PrepareStmt"}
TEMPLATE: Final = "oracle_template"
COPY: Final = "oracle_copy"
SETTINGS: Final = {"log_min_messages": "panic", "shared_buffers": "64MB", "jit": "off"}


@dataclass
class Tally:
    """What was compared, and what came of it."""

    seen: int = 0
    both: int = 0
    clean: int = 0
    """Of `both`: no labelled column is touched."""
    conceded: Counter[str] = field(default_factory=Counter)
    needless: Counter[str] = field(default_factory=Counter)
    """Of the conceded: no labelled column is touched."""
    refused: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    differs: int = 0
    contradictions: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Statements after which the session was gone, and the rest of their script with it."""
    examples: dict[str, str] = field(default_factory=dict)

    def note(self, place: str, text: str, verdict: Verdict) -> None:
        """One statement that both have read."""
        self.both += 1
        self.clean += not verdict.touches
        self.differs += bool(verdict.differs)
        self.contradictions += [f"{place}: {wrong}\n    {_line(text)}" for wrong in verdict.contradictions]
        if verdict.concedes:
            reason = verdict.concedes
            self.conceded[reason] += 1
            if not verdict.touches:
                self.needless[reason] += 1
                self.examples.setdefault(reason, _line(text))


class Oracle:
    """A run over scripts on one server."""

    def __init__(self, server: EmbeddedServer, deep: DeepThread, seed: int) -> None:
        self.server = server
        self.deep = deep
        self.seed = seed
        self.tally = Tally()

    async def script(self, name: str, text: str, database: str, *, judged: bool = True) -> None:
        """Run one script, each of its statements judged before it runs."""
        async with session(self.server, database, self.deep, self.seed) as found:
            for command in commands(text):
                if command.meta:
                    continue
                if judged and not found.aborted:
                    await self._judge(name, found, command)
                with contextlib.suppress(psycopg.Error):
                    await found.run(command)
                if found.lost:
                    self.tally.lost.append(f"{name}: {_line(command.text)}")
                    return

    async def _judge(self, name: str, found: Database, command: Command) -> None:
        try:
            kinds = [raw.kind for raw in await self.deep.run(lambda: parse(command.text))]
            if _HAVE_QUERIES.isdisjoint(kinds):
                for kind in kinds:
                    found.ran(kind, moves_names=kind not in KEEPS_NAMES)
                return
            world = await found.world()
            path = await found.search_path()
            statements = await self.deep.run(lambda: read(command.text, world.catalog, path))
        except (Unparsable, psycopg.Error):
            found.stale = True
            return
        for statement in statements:
            await self._compare(f"{name} ({found.major})", found, statement)
            found.ran(statement.analysis.kind, moves_names=statement.analysis.moves_names)

    async def _compare(self, place: str, found: Database, statement: ReadStatement) -> None:
        analysis = statement.analysis
        text = _judged(statement)
        if not text:
            return
        self.tally.seen += 1
        if Effect.UNKNOWN in analysis.effects:
            self._second(place, text, analysis)
        try:
            own = await found.tree(text)
        except (psycopg.Error, Unattestable):
            return
        try:
            tree = await self.deep.run(lambda: attest(unfold(own), found.major))
        except Unattestable as error:
            self.tally.refused[str(error)] += 1
            self.tally.examples.setdefault(str(error), f"{place}: {_line(text)}")
            return
        world = await found.world()
        written = (world.catalog.by_name.get((ref.schema, ref.name)) for ref in analysis.writes)
        through_view = any(relation is not None and relation.kind == "v" for relation in written)
        verdict = compare(analysis, tree, world.labels, world.labelling, through_view=through_view)
        self.tally.note(place, text, verdict)

    def _second(self, place: str, text: str, analysis: Analysis) -> None:
        raw = self.deep.call(lambda: parse(text))[0]
        second, reason = self.deep.call(lambda: second_reading(raw.kind, raw.node, raw.canonical))
        if second is Second.DISAGREES:
            self.tally.disagreements.append(f"{place}: {reason}\n    {_line(text)}")


def _judged(statement: ReadStatement) -> str:
    """The text that the server is asked to parse: a query's own, a utility statement's inner one; '' for none."""
    analysis = statement.analysis
    if analysis.kind in LINEAGE:
        return statement.text
    if analysis.copy is not None and analysis.copy.to_stdout:
        return analysis.copy.probe
    return analysis.inner or ""


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def _connect(server: EmbeddedServer) -> psycopg.Connection:
    return psycopg.connect(server.conninfo(), autocommit=True)


async def run(server: EmbeddedServer, scripts: list[Path], seed: int, deadline: float) -> Tally:
    """All scripts, the first ones into the template that every other one gets a copy of."""
    deep = DeepThread("oracle")
    oracle = Oracle(server, deep, seed)
    with _connect(server) as connection:
        _drop(connection)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        ordered = sorted(scripts, key=lambda path: FIRST.index(path.stem) if path.stem in FIRST else len(FIRST))
        for number, path in enumerate(ordered, 1):
            if path.stem in SKIPPED:
                continue
            if time.monotonic() > deadline:
                _say(f"\nout of time before {path.stem}\n")
                break
            _say(f"\r{server.version} {number}/{len(ordered)} {path.stem:<32}")
            database = TEMPLATE
            if path.stem not in FIRST:
                database = COPY
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(COPY)))
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                        sql.Identifier(COPY), sql.Identifier(TEMPLATE)
                    )
                )
            before = len(oracle.tally.contradictions)
            await oracle.script(path.stem, path.read_text(encoding="utf-8", errors="replace"), database)
            for wrong in oracle.tally.contradictions[before:]:
                _say(f"\n{wrong}")
        _drop(connection)
    deep.close()
    return oracle.tally


def _drop(connection: psycopg.Connection) -> None:
    for name in (TEMPLATE, COPY):
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def report(tally: Tally, reasons: int) -> None:
    """The table, and why things were given up or refused; contradictions were told as they were found."""
    conceded, needless = sum(tally.conceded.values()), sum(tally.needless.values())
    rows = (
        ("statements with rows or an inner query", tally.seen),
        ("read by both the text and the tree", tally.both),
        ("  no labelled column touched", tally.clean),
        ("  the text concedes", conceded),
        ("    and no labelled column is touched", needless),
        ("  a use under another name", tally.differs),
        ("the tree refuses", sum(tally.refused.values())),
        ("sqlglot disagrees with the grammar", len(tally.disagreements)),
        ("CONTRADICTIONS", len(tally.contradictions)),
    )
    _say("\n" + "".join(f"{name:<44}{count:>8}\n" for name, count in rows))
    for title, counts in (("needless", tally.needless), ("the tree refuses", tally.refused)):
        for reason, count in counts.most_common(reasons):
            _say(f"  {title}: {count:>5}  {reason}\n           {tally.examples.get(reason, '')}\n")
    for statement in tally.lost:
        _say(f"  the session was lost after {statement}\n")
    for wrong in tally.disagreements:
        _say(f"{wrong}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> int:
    """Run on the embedded server, or on Debian's 15; 1 where anything contradicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="the directory with the scripts, or one script")
    parser.add_argument("--seed", type=int, default=1, help="which columns are labelled")
    parser.add_argument("--server", choices=("18", "15"), default="18")
    parser.add_argument("--only", help="scripts whose name has this in it, besides those that all build on")
    parser.add_argument("--reasons", type=int, default=10, help="how many reasons to show of each kind")
    parser.add_argument("--seconds", type=float, default=600, help="when to stop")
    arguments = parser.parse_args()
    found = sorted(arguments.path.glob("*.sql")) if arguments.path.is_dir() else [arguments.path]
    wanted = [path for path in found if not arguments.only or path.stem in FIRST or arguments.only in path.stem]
    with EmbeddedServer(DEBIAN_15 if arguments.server == "15" else None, settings=SETTINGS) as server:
        began = time.monotonic()
        tally = asyncio.run(run(server, wanted, arguments.seed, began + arguments.seconds))
        report(tally, arguments.reasons)
        _say(f"{time.monotonic() - began:.0f} s\n")
    return 1 if tally.contradictions or tally.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
