"""Every suite whose sources lie in a directory, before both servers: `python -m tests.conformance DIRECTORY`.

The directory has checkouts by name: psycopg, asyncpg, pg8000, sqlalchemy, postgres-15, postgres-18. What is not there
is skipped, and said. Each runs in a process of its own and writes its score into docs/conformance.md; 1 where one of
them differs without a reason.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conformance.suites import SUITES
from tests.conformance.suites_score import PAGE
from tests.conformance.transparent import bindir_of

SERVERS = ("18", "15")


def commands(checkouts: Path, python: Path, out: Path) -> list[list[str]]:
    """What is run, in order; each is said to be skipped where it lacks its sources or its server."""
    found: list[list[str]] = []
    for server in SERVERS:
        bindir = bindir_of(server)
        if bindir is not None and not bindir.is_dir():
            sys.stdout.write(f"skipped: PostgreSQL {server} is not installed\n")
            continue
        for name in sorted(SUITES):
            if (checkouts / name).is_dir():
                more = [name, str(checkouts / name), "--server", server, "--python", str(python), "--write"]
                found.append(["tests.conformance.suites", *more])
            else:
                sys.stdout.write(f"skipped: no sources of {name} in {checkouts}\n")
        postgres = checkouts / f"postgres-{server}"
        if postgres.is_dir():
            more = [str(postgres), "--server", server, "--out", str(out / server), "--doc", str(PAGE)]
            found.append(["tests.conformance.regress", *more])
        else:
            sys.stdout.write(f"skipped: no sources of postgres-{server} in {checkouts}\n")
    return found


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="has the drivers of those versions")
    asked = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="pgmaskproxy-conformance-") as out:
        for command in commands(asked.checkouts.resolve(), asked.python.absolute(), Path(out)):
            failed |= subprocess.run([sys.executable, "-m", *command], check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
