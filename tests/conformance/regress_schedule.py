"""PostgreSQL's own regression SQL run by psql as its pg_regress runs it: one file after another, in the order of its
parallel schedule, everything that psql prints into a file each."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DATABASE = "regression"
FILE_SECONDS = 1800.0
"""A file that takes longer hangs."""

SETTINGS = {
    # What pg_regress writes into the configuration of a server of its own, as far as it shows in output.
    "max_prepared_transactions": "2",
    "autovacuum": "off",  # it changes plans at moments of its own
    "max_connections": "60",
    "shared_buffers": "128MB",
    "lc_messages": "C",
}

DATABASE_SETTINGS = {
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "bytea_output": "hex",
    "timezone_abbreviations": "Default",
}
"""What pg_regress sets for its database."""


@dataclass(frozen=True, slots=True)
class Source:
    """A checkout of PostgreSQL: only src/test/regress of it is used."""

    path: Path

    @property
    def regress(self) -> Path:
        """Where the SQL is."""
        return self.path / "src" / "test" / "regress"

    @property
    def release(self) -> str:
        """What its build says that it is, or else the number in the directory's name: `15.18`. ValueError without."""
        for place in (self.path / "configure", self.path / "meson.build"):
            if place.is_file():
                found = re.search(r"(?:PACKAGE_VERSION=|^ *version: )'([\d.]+)", place.read_text(), re.MULTILINE)
                if found:
                    return found[1]
        found = re.search(r"\d+(?:\.\d+)*", self.path.resolve().name)
        if found is None:
            raise ValueError(f"cannot tell what version {self.path} is of")
        return found[0]

    @property
    def version(self) -> int:
        """The major version."""
        return int(self.release.partition(".")[0])

    def schedule(self) -> list[str]:
        """The tests' names in order; those of one parallel group one after another."""
        names: list[str] = []
        for line in (self.regress / "parallel_schedule").read_text(encoding="utf-8").splitlines():
            if line.startswith("test:"):
                names += line.removeprefix("test:").split()
        return names


@dataclass(frozen=True, slots=True)
class Target:
    """Where psql connects to, and which psql."""

    psql: Path
    host: str
    port: int
    user: str
    password: str


def environment(source: Source, target: Target, build: Path, name: str) -> Mapping[str, str]:
    """psql's environment: what pg_regress sets, and the place of the server."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C",
        "LC_MESSAGES": "C",
        "PGHOST": target.host,
        "PGPORT": str(target.port),
        "PGUSER": target.user,
        "PGPASSWORD": target.password,
        "PGDATABASE": DATABASE,
        "PGGSSENCMODE": "disable",
        "PGAPPNAME": f"pg_regress/{name}",
        "PGTZ": "PST8PDT" if source.version < 17 else "America/Los_Angeles",
        "PGDATESTYLE": "Postgres, MDY",
        "PGOPTIONS": "-c intervalstyle=postgres_verbose",
        "PG_ABS_SRCDIR": str(source.regress),
        "PG_ABS_BUILDDIR": str(build),
        "PG_LIBDIR": str(build),  # regress.so is not there: what needs it fails on both ways
        "PG_DLSUFFIX": ".so",
    }


def run(
    source: Source,
    target: Target,
    *,
    names: Sequence[str],
    output: Path,
    build: Path,
    tell: Callable[[str], None],
) -> None:
    """Run the files `names` into `output`/NAME.out; `build` is where the server may write."""
    output.mkdir(parents=True, exist_ok=True)
    for name in names:
        command = [str(target.psql), "-X", "-a", "-q", "-d", DATABASE]
        command += ["-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on"]
        path = source.regress / "sql" / f"{name}.sql"
        if not path.is_file():
            continue
        written = output / f"{name}.out"
        with path.open("rb") as sql, written.open("wb") as out:
            try:
                ended = subprocess.run(
                    command,
                    env=environment(source, target, build, name),
                    stdin=sql,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=build,
                    check=False,
                    timeout=FILE_SECONDS,
                )
                tell(f"{name}: exit {ended.returncode}")
            except subprocess.TimeoutExpired:
                out.write(b"\n*** it hung ***\n")
                tell(f"{name}: it hung")
        written.write_bytes(written.read_bytes().replace(os.fsencode(build), b"@build@"))
