"""The drivers' own test suites, directly and through a transparent proxy: one server, a fresh database for each way.

    python -m tests.conformance.suites psycopg path/to/checkout --server 18 --write

runs the suite of a source checkout twice, compares test by test, and gives each difference its reason from
suites_reasons.yaml; one without a reason is a failure, and so is a test that only ran on one way. `--write` puts
the score into docs/conformance.md. The driver itself is what the interpreter has installed (`--python` for
another one): take the checkout of the same version.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from tests.conformance.outcomes import Outcome, read_junit
from tests.conformance.suites_score import Score, score, write_page
from tests.conformance.transparent import Stage, bindir_of, transparent

HOURS: Final = 2

EXTENSIONS: Final = """
DO $$ DECLARE found name; BEGIN
  FOR found IN SELECT name FROM pg_available_extensions WHERE name IN ('hstore', 'citext') LOOP
    EXECUTE format('CREATE EXTENSION %I', found);
  END LOOP;
END $$
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """How one project's tests are run; `{name}` in arguments stands for a part of the connection."""

    package: str
    """Whose version is the driver's."""
    arguments: tuple[str, ...]
    """Of pytest."""
    environment: tuple[tuple[str, str], ...] = ()
    databases: tuple[str, ...] = ()
    """Besides its own, which the suite knows by name."""
    prepare: tuple[str, ...] = ()
    """What its instructions say to make in the database."""


SUITES: Final = {
    # Not mypy's own tests, nor those of time, which a busy machine fails on either way.
    "psycopg": Suite(
        "psycopg",
        ("tests", "--ignore=tests/pool", "-m", "not slow and not timing and not mypy", "--test-dsn={conninfo}"),
        (("PSYCOPG_IMPL", "binary"),),
    ),
    # Its sources lie beside its tests, and are not compiled: the installed driver goes first.
    "asyncpg": Suite(
        "asyncpg",
        ("tests", "--deselect=tests/test__sourcecode.py", "--import-mode=append"),
        databases=("postgres",),
    ),
    # Not those that need a server with other lines in pg_hba.conf, one by one; nor a statement of 65,535 parameters,
    # which takes the driver minutes to write.
    "pg8000": Suite(
        "pg8000",
        (
            "test",
            "--ignore=test/test_readme.py",
            *(f"--ignore=test/{api}/auth" for api in ("dbapi", "legacy", "native")),
            "-k",
            "not test_max_parameters",
        ),
        databases=("postgres",),
    ),
    # SQLAlchemy tests itself, out of its checkout; the driver below it is psycopg2.
    "sqlalchemy": Suite(
        "psycopg2-binary",
        (
            *(f"test/dialect/postgresql/test_{name}.py" for name in ("async_pg", "dialect", "on_conflict", "query")),
            *(f"test/dialect/postgresql/test_{name}.py" for name in ("reflection", "types")),
            "--dburi=postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}",
            "-p",
            "no:xdist",
        ),
        prepare=("CREATE SCHEMA test_schema", "CREATE SCHEMA test_schema_2", EXTENSIONS),
    ),
}


def run(suite: Suite, checkout: Path, python: Path, stage: Stage, *, proxied: bool) -> dict[str, Outcome]:
    """The outcome of every test, one way."""
    database = "suite_proxied" if proxied else "suite_direct"
    connection = stage.environment(database, proxied=proxied)
    words = {
        "conninfo": stage.proxied(database) if proxied else stage.direct(database),
        "user": connection["PGUSER"],
        "password": connection["PGPASSWORD"],
        "host": connection["PGHOST"],
        "port": connection["PGPORT"],
        "database": database,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PYTHON"))}
    environment = {
        **inherited,
        **connection,
        **dict(suite.environment),
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONSAFEPATH": "1",  # the installed driver, not the checkout's sources
    }
    with tempfile.TemporaryDirectory(prefix="pgmaskproxy-suite-") as directory:
        report = Path(directory) / "junit.xml"
        command = [str(python), "-m", "pytest", "-q", "--tb=native", f"--junitxml={report}"]
        command += [argument.format_map(words) for argument in suite.arguments]
        subprocess.run(
            command, cwd=checkout, env=environment, stdin=subprocess.DEVNULL, check=False, timeout=HOURS * 3600
        )
        return read_junit(report)


def version_of(package: str, python: Path) -> str:
    """The installed version."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    told = subprocess.run([str(python), "-P", "-c", code], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def compare(name: str, checkout: Path, python: Path, server: str) -> Score:
    """Both ways, and what differs. The proxy's way first: what a suite leaves on the server must not help it."""
    suite = SUITES[name]
    with transparent(bindir_of(server), ("suite_direct", "suite_proxied", *suite.databases)) as stage:
        for database in ("suite_direct", "suite_proxied"):
            with psycopg.connect(stage.direct(database), autocommit=True) as connection:
                for statement in suite.prepare:
                    connection.execute(statement.encode())
        proxied = run(suite, checkout, python, stage, proxied=True)
        direct = run(suite, checkout, python, stage, proxied=False)
        return score(name, version_of(suite.package, python), stage.server.version, direct, proxied)


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module; 1 where something differs without a reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=sorted(SUITES))
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--server", choices=("15", "18"), default="18")
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--write", action="store_true", help="put the score into docs/conformance.md")
    parser.add_argument("--keep", type=Path, help="a file for everything that differs, as JSON")
    asked = parser.parse_args(arguments)
    found = compare(asked.suite, asked.checkout.resolve(), asked.python.absolute(), asked.server)
    sys.stdout.write(found.text())
    if asked.keep is not None:
        asked.keep.write_text(json.dumps(found.as_json(), indent=1), encoding="utf-8")
    if asked.write:
        write_page(found)
    return 1 if found.unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
