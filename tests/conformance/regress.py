"""PostgreSQL's own regression SQL, direct and through the proxy with a transparent policy: `make conformance` runs it.

    python -m tests.conformance.regress CHECKOUT --server 15 --out DIRECTORY

CHECKOUT is PostgreSQL's source, of the server's major version; nothing of it is copied. Each run has a server of its
own, made anew. DIRECTORY gets direct/NAME.out, proxied/NAME.out, and NAME.diff with what differs for no reason of
regress_reasons.yaml; exit 1 when there is any. With `--doc docs/conformance.md` the score is written there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tests.conformance import regress_score
from tests.conformance.regress_compare import Compared, Reason, compare, load_reasons
from tests.conformance.regress_schedule import DATABASE, DATABASE_SETTINGS, SETTINGS, Source, Target, run
from tests.conformance.transparent import Stage, bindir_of, transparent

SERVER = "server-version"
REASONS = Path(__file__).with_name("regress_reasons.yaml")


def _prepare(stage: Stage) -> Path:
    """Set the database as pg_regress does; returns a directory that the server may write into."""
    with psycopg.connect(stage.direct(DATABASE), autocommit=True) as connection:
        for name, value in DATABASE_SETTINGS.items():
            change = sql.SQL("ALTER DATABASE {} SET {} TO {}")
            connection.execute(change.format(sql.Identifier(DATABASE), sql.Identifier(name), sql.Literal(value)))
    build = stage.server.directory / "build"
    for path in (build, build / "results"):
        path.mkdir()
        path.chmod(0o777)
    return build


def _run(source: Source, names: Sequence[str], output: Path, *, server: str, proxied: bool) -> None:
    """One run on a server of its own; its version goes to SERVER beside the outputs."""
    with transparent(bindir_of(server), [DATABASE], settings=SETTINGS) as stage:
        build = _prepare(stage)
        port = stage.port if proxied else stage.server.port
        target = Target(stage.server.bindir / "psql", stage.server.host, port, stage.server.user, stage.server.password)
        run(source, target, names=names, output=output, build=build, tell=_teller(output.name))
        (output / SERVER).write_text(stage.server.version, encoding="utf-8")
        if proxied:
            (output.parent / "proxy.log").write_bytes((stage.directory / "log").read_bytes())


def _teller(what: str) -> Callable[[str], None]:
    started = time.monotonic()

    def tell(line: str) -> None:
        sys.stdout.write(f"{what} {time.monotonic() - started:5.0f} s  {line}\n")
        sys.stdout.flush()

    return tell


def _compare(names: Sequence[str], out: Path, version: int, reasons: Sequence[Reason]) -> list[Compared]:
    found = []
    for name in names:
        direct, proxied = (out / way / f"{name}.out" for way in ("direct", "proxied"))
        if direct.is_file() and proxied.is_file():
            compared = compare(name, version, direct, proxied, reasons)
            found.append(compared)
            diff = out / f"{name}.diff"
            diff.unlink(missing_ok=True)
            if compared.unexplained:
                text = "\n\n".join(map(str, compared.unexplained)) + "\n"
                diff.write_bytes(text.encode("utf-8", "surrogateescape"))
    return found


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a checkout of PostgreSQL")
    parser.add_argument("--server", choices=("15", "18"), required=True, help="Debian's 15, or the wheel's 18")
    parser.add_argument("--out", type=Path, required=True, help="where the outputs go")
    parser.add_argument("--only", help="files, with commas: a part of the schedule, in its order")
    parser.add_argument("--skip", choices=("direct", "proxied", "both"), help="take the outputs of an earlier run")
    parser.add_argument("--doc", type=Path, help="write the score between its marks in this document")
    asked = parser.parse_args()
    source, out = Source(asked.source.resolve()), asked.out.resolve()
    wanted = set(asked.only.split(",")) if asked.only else None
    names = [name for name in source.schedule() if wanted is None or name in wanted]
    for way in ("direct", "proxied"):
        if asked.skip not in {way, "both"}:
            _run(source, names, out / way, server=asked.server, proxied=way == "proxied")
    reasons = load_reasons(REASONS)
    compared = _compare(names, out, int(asked.server), reasons)
    if asked.doc is not None:
        version = (out / "direct" / SERVER).read_text(encoding="utf-8")
        text = regress_score.section(version, source.release, compared, reasons)
        regress_score.put(asked.doc, f"regress-{asked.server}", text)
    sys.stdout.write(f"{regress_score.told(compared)}\n")
    if any(each.unexplained for each in compared):
        sys.exit(1)


if __name__ == "__main__":
    main()
