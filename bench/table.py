"""The one table: everything started, measured, printed and written. `python -m bench`, or `make bench`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
from pathlib import Path

from bench.builds import CHECKOUT, checkout, installed
from bench.conditions import conditions, load
from bench.database import database
from bench.lanes import Other, Wanted, find_pooler, lanes
from bench.page import page
from bench.report import Report, failures, report, text
from bench.runner import Runner
from bench.workloads import FULL, KNOWN, MEDIUM, QUICK, Form, workloads
from bench.written import write

CONNECTIONS = 1300
"""Of the server: what is left open by one lane is not to be in the way of the next."""
BUILD = CHECKOUT / "build"
FORMS = {form.name: form for form in (QUICK, MEDIUM, FULL)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What one may say of it."""
    which = parser.add_mutually_exclusive_group()
    for name, about in (
        ("quick", "about a minute: does it work, and roughly how"),
        ("medium", "about a quarter of an hour: what the documents show"),
        ("full", "an hour and more: everything, by every lane; what is done where nothing else is said"),
    ):
        which.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=about)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="workloads with this in their name")
    parser.add_argument("--lane", action="append", default=[], metavar="NAME", help="these lanes, and direct")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one run of pgbench")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--workers", default="auto", help="in the lane of several: a number, or auto (one per core)")
    parser.add_argument("--installed", type=Path, help="the package compiled there, instead of the environment's")
    parser.add_argument("--other", action="append", default=[], metavar="NAME=COMMAND", help="another proxy, see Other")
    parser.add_argument("--other-config", action="append", default=[], metavar="NAME=FILE", help="its file's template")
    parser.add_argument("--no-install", action="store_true", help="PgBouncer only where it is there already")
    parser.add_argument("--json", type=Path, default=BUILD / "bench.json", help="write the numbers there")
    parser.add_argument("--html", type=Path, default=BUILD / "bench.html", help="and a page")
    parser.add_argument("--write", choices=["docs"], help="and the tables in README.md and docs/performance.md")
    parser.add_argument("--from", dest="source", type=Path, help="measure nothing: take a JSON from before")
    parser.set_defaults(form="full")


def run(given: argparse.Namespace) -> int:
    """0, or 1 where something did not work; never for a number."""
    found = json.loads(given.source.read_text()) if given.source else measure(given)
    print(text(found), flush=True)
    if not given.source:
        _save(found, given.json)
    given.html.parent.mkdir(parents=True, exist_ok=True)
    given.html.write_text(page(found), encoding="utf-8")
    if given.write:
        write(found)
    return 1 if failures(found) else 0


def measure(given: argparse.Namespace) -> Report:
    """Start everything, measure it, stop it."""
    form = _form(given)
    wanted, notes = _wanted(given)
    build = wanted.compiled or wanted.interpreted
    assert build is not None
    known = build.look()
    with (
        tempfile.TemporaryDirectory(prefix="pgmaskproxy-bench-") as name,
        database(rows=form.rows, scale=form.scale, connections=CONNECTIONS) as base,
    ):
        directory = Path(name)
        directory.chmod(0o711)
        told = conditions(form, base, compiled=wanted.compiled is not None, version=known.version if known else "")
        chosen = [
            each
            for each in workloads(form, base, directory)
            if not given.only or any(part in each.name for part in given.only)
        ]
        taken = frozenset(name for name in KNOWN if any(each.takes(name, form, KNOWN) for each in chosen))
        with lanes(base, directory, wanted.limited(taken | {other.name for other in wanted.others})) as ways:
            notes += [f"did not start: {lane.name}: {lane.failed}" for lane in ways if lane.failed]
            runner = Runner(ways, base, form)
            outcomes = []
            for outcome in runner.all(chosen):
                outcomes.append(outcome)
                _save(
                    report(told, ways, outcomes, {}, notes), given.json
                )  # an hour is not to be lost to its last minute
            starts = runner.cold_starts() if not given.only else {}
            told["load after"] = f"{load():.1f}"
            return report(told, ways, outcomes, starts, notes)


def _save(found: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _form(given: argparse.Namespace) -> Form:
    base = FORMS[given.form]
    changed = {name: value for name in ("rounds", "seconds", "rows") if (value := getattr(given, name)) is not None}
    return dataclasses.replace(base, **changed)


def _wanted(given: argparse.Namespace) -> tuple[Wanted, list[str]]:
    """The lanes that can be, and why others cannot."""
    notes = []
    compiled, sources = installed(given.installed), checkout()
    known = compiled.look()
    if known is None or not known.compiled:
        notes.append(
            "not measured: compiled. What is installed is not (make bench installs it compiled where there is a C"
            " compiler), so every lane of ours is interpreted"
        )
    workers = _cores() if given.workers == "auto" else int(given.workers)
    which = known if known is not None and known.compiled else sources.look()
    if which is None or not which.workers:
        notes.append("not measured: several workers. This version's configuration knows none")
        workers = 0
    pooler = find_pooler(install=not given.no_install)
    if pooler is None:
        notes.append("not measured: PgBouncer. It is not installed (Debian: apt-get install pgbouncer)")
    templates = dict(each.split("=", 1) for each in given.other_config)
    others = tuple(
        Other(name, command, Path(templates[name]) if name in templates else None)
        for name, _, command in (each.partition("=") for each in given.other)
    )
    wanted = Wanted(
        compiled if known is not None and known.compiled else None,
        sources,
        workers if workers > 1 else 0,
        pooler,
        others,
        frozenset(given.lane) if given.lane else None,
    )
    return wanted, notes


def _cores() -> int:
    return len(os.sched_getaffinity(0))
