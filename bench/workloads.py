"""Everything that is measured, by form: quick says whether it works, medium is for a page, full is everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import texts
from bench.database import Database
from bench.idle import Idle
from bench.lanes import DIRECT, INTERPRETED, LOGGED_LANE, MASKING, POOLER_LANE, TRANSPARENT_LANE, WORKERS, Lane
from bench.pgbench import MODES, Pgbench
from bench.rows import PUT, QUERY, VALUE, Copy, Select
from bench.samples import Sample

MAIN = (DIRECT, POOLER_LANE, MASKING, WORKERS)
FEW = (DIRECT, POOLER_LANE, MASKING)
FULL_LENGTH = 3


class Run(Protocol):
    """One run by one lane."""

    def run(self, lane: Lane, seconds: float) -> Sample: ...


@dataclass(frozen=True)
class Form:
    """How much of it."""

    name: str
    rounds: int
    seconds: float
    rows: int
    scale: int
    clients: tuple[int, ...]
    idle: int
    profile: float
    """Seconds under a profiler; 0: none."""
    every: bool
    """Every lane in every workload; else those that say something there."""


QUICK = Form("quick", 1, 1, 50_000, 1, (8,), 0, 0, every=False)
MEDIUM = Form("medium", 3, 2, 1_000_000, 10, (1, 8, 64), 500, 2, every=False)
FULL = Form("full", 5, 3, 1_000_000, 10, (1, 8, 64), 500, 4, every=True)


@dataclass(frozen=True)
class Workload:
    """One line of the table."""

    name: str
    group: str
    about: str
    unit: str
    run: Run
    lanes: tuple[str, ...] | None = None
    """None: all."""
    rounds: int | None = None
    """At most so many, of what takes as long as it takes; such need nothing done before either. None: the form's."""

    def takes(self, lane: str, form: Form, known: frozenset[str]) -> bool:
        """Others' lanes are in everything."""
        return form.every or self.lanes is None or lane in self.lanes or lane not in known


KNOWN = frozenset({DIRECT, POOLER_LANE, TRANSPARENT_LANE, MASKING, LOGGED_LANE, INTERPRETED, WORKERS})


def workloads(form: Form, database: Database, directory: Path) -> list[Workload]:
    """In the order in which they are run."""
    bindir = database.server.bindir
    if form.name == QUICK.name:
        return list(_quick(bindir / "pgbench", form, database))
    return [
        *_statements(bindir / "pgbench", form),
        *_rows(bindir / "psql", form, database, directory),
        *_rest(form, database),
    ]


def _quick(pgbench: Path, form: Form, database: Database) -> Iterator[Workload]:
    for mode in MODES:
        yield _select(pgbench, mode, 8, FEW)
    yield _literals(pgbench, FEW)
    yield _repeated(pgbench, "prepared", FEW)
    yield from _new(pgbench, FEW)
    yield _million("libpq", "text", form, database, FEW)


def _statements(pgbench: Path, form: Form) -> Iterator[Workload]:
    for clients in (8, *(number for number in form.clients if number != 8)):
        for mode in MODES if clients == 8 or form.every else ("simple", "prepared"):
            yield _select(pgbench, mode, clients, None if clients == 8 else MAIN)
    for clients in (8, *(number for number in form.clients if number != 8)) if form.every else (8,):
        for mode in MODES:
            yield Workload(
                f"TPC-B, {mode}, {clients}", "TPC-B", f"pgbench's TPC-B-like, {mode}, {clients} clients",
                "transactions/s", Pgbench(pgbench, mode, clients, builtin="tpcb-like"), MAIN,
            )  # fmt: skip
    yield _literals(pgbench, (*MAIN, LOGGED_LANE, INTERPRETED, TRANSPARENT_LANE))
    for mode in MODES:
        yield _repeated(pgbench, mode, (*FEW, TRANSPARENT_LANE, INTERPRETED))
    yield from _new(pgbench, (*FEW, LOGGED_LANE, INTERPRETED))
    yield _largest(pgbench)
    yield Workload(
        "connect", "connections", "a connection for each query, 8 at a time", "connections/s",
        Pgbench(pgbench, "simple", 8, builtin="select-only", connect=True), MAIN,
    )  # fmt: skip


def _rows(psql: Path, form: Form, database: Database, directory: Path) -> Iterator[Workload]:
    lanes = (*MAIN, TRANSPARENT_LANE, INTERPRETED)
    for driver, shape in (("libpq", "text"), ("libpq", "binary"), ("asyncpg", "binary"), ("asyncpg", "text")):
        yield _million(driver, shape, form, database, lanes if driver == "libpq" and shape == "text" else FEW)
    for out in (True, False):
        name = f"COPY {'out' if out else 'in'}"
        run = Copy(psql, form.rows, directory / "people.copy", database, out)
        yield Workload(name, "rows", f"{name} of {form.rows:,} rows by psql", "rows/s", run, FEW, FULL_LENGTH)


def _rest(form: Form, database: Database) -> Iterator[Workload]:
    yield Workload(
        "100 MB out",
        "rows",
        "one value of 100 MB, selected",
        "values/s",
        Select("value", "text", VALUE),
        FEW,
        rounds=FULL_LENGTH,
    )
    yield Workload(
        "100 MB in",
        "rows",
        "one value of 100 MB, as a parameter",
        "values/s",
        Select("put", "text", PUT),
        FEW,
        rounds=FULL_LENGTH,
    )
    busy = Pgbench(database.server.bindir / "pgbench", "prepared", 8, builtin="select-only")
    yield Workload(
        f"{form.idle} idle", "connections", f"select-only, prepared, 8 clients, beside {form.idle} idle ones",
        "transactions/s", Idle(form.idle, busy, database), MAIN, 1,
    )  # fmt: skip


def _select(pgbench: Path, mode: str, clients: int, lanes: tuple[str, ...] | None) -> Workload:
    about = f"pgbench's select-only, {mode}, {clients} client{'s' if clients > 1 else ''}"
    run = Pgbench(pgbench, mode, clients, builtin="select-only")
    return Workload(f"select, {mode}, {clients}", "select-only", about, "transactions/s", run, lanes)


def _literals(pgbench: Path, lanes: tuple[str, ...]) -> Workload:
    about = "a dozen shapes over five tables, literals written into the text and drawn anew, simple, 8 clients"
    return Workload("literals", "texts", about, "statements/s", Pgbench(pgbench, "simple", 8, texts.literals()), lanes)


def _repeated(pgbench: Path, mode: str, lanes: tuple[str, ...]) -> Workload:
    run = Pgbench(pgbench, mode, 1, (texts.REPEATED,))
    return Workload(
        f"repeated, {mode}",
        "texts",
        f"the same statement again and again, {mode}, 1 client",
        "statements/s",
        run,
        lanes,
    )


def _new(pgbench: Path, lanes: tuple[str, ...]) -> Iterator[Workload]:
    for name, script in (("short", texts.NEW_SHORT), ("long", texts.NEW_LONG)):
        length = len(script.split("\n", 1)[1].strip())
        about = f"a text of {length:,} characters with a name in it that was never there before, simple, 1 client"
        run = Pgbench(pgbench, "simple", 1, (script,))
        yield Workload(f"new, {name}", "texts", about, "statements/s", run, lanes)


def _largest(pgbench: Path) -> Workload:
    about = f"a text of {len(texts.NEW_LARGEST) // 1000} KB with a name in it that was never there before, 1 client"
    run = Pgbench(pgbench, "simple", 1, (texts.NEW_LARGEST,))
    return Workload("new, largest", "texts", about, "statements/s", run, FEW, FULL_LENGTH)


def _million(driver: str, shape: str, form: Form, database: Database, lanes: tuple[str, ...]) -> Workload:
    about = f"{form.rows:,} rows of seven columns, three masked, {driver}, {shape}"
    run = Select(driver, shape, QUERY, database.wire_bytes[shape])
    return Workload(f"rows, {driver} {shape}", "rows", about, "rows/s", run, lanes, FULL_LENGTH)
