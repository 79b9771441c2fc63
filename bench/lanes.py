"""One PostgreSQL 18 and the ways to it: direct, through PgBouncer, and through pgmaskproxy with masks on.

Every lane is reached over TCP on loopback, without TLS, by the same login and the same database. PgBouncer pools by
session; the proxy is `pgmaskproxy serve` in a process of its own, attesting, with a label on what is selected.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgmaskproxy.build_info import compiled
from pgmaskproxy.demo import stage
from pgmaskproxy.demo.server import HOST, EmbeddedServer, free_port
from pgmaskproxy.demo.stage import Passwords, Ports, Upstream

DATABASE = "bench"
ROLE = "pgmaskproxy"
AGENT = "agent"
SECONDS = 30.0

SCHEMA = f"""
CREATE ROLE {ROLE} LOGIN;
ALTER ROLE {ROLE} SET log_min_messages = 'panic';
CREATE ROLE {AGENT} LOGIN;
CREATE TABLE people (id integer PRIMARY KEY, name text, email text, ssn text, city text, notes text, seen timestamp);
INSERT INTO people
SELECT i, 'Person ' || i, 'person.' || i || '@post.example',
       lpad((i % 1000)::text, 3, '0') || '-12-' || (1000 + i % 9000),
       'Springfield', repeat('n', 40), timestamp '2024-01-01' + i * interval '1 second'
  FROM generate_series(1, ROWS) AS i;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}, {AGENT};
VACUUM ANALYZE people;
"""

KINDS_SCHEMA = f"""
CREATE TABLE kinds (id integer, name text, city text, seen timestamp, plain text, other text,
                    clear text, redact text, partial text, "null" text, hash text, token text, json jsonb, scrub text);
INSERT INTO kinds
SELECT i, 'Person ' || i, 'Springfield', timestamp '2024-01-01' + i * interval '1 second', repeat('n', 40), 'as ever',
       e, e, e, e, e, e, jsonb_build_object('id', i, 'email', e, 'city', 'Springfield', 'note', 'nothing to say'),
       'Customer ' || i || ' asked for a new invoice, and wants it by Friday; nothing else was promised to anybody.'
  FROM generate_series(1, ROWS) AS i, LATERAL (SELECT 'person.' || i || '@post.example') AS a(e);
GRANT SELECT ON kinds TO {ROLE}, {AGENT};
VACUUM ANALYZE kinds;
"""
"""A column for each kind of mask, with values that differ from row to row."""

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
labels:
  email: {columns: ["*.people.email"], mask: {kind: email}}
  ssn: {columns: ["*.people.ssn"], mask: {kind: redact}}
  notes: {columns: ["*.people.notes"], mask: {kind: partial, first: 2}}
  balance: {columns: ["*.pgbench_accounts.abalance"], mask: {kind: "null"}}
  kind.redact: {columns: ["*.kinds.redact"], mask: {kind: redact}}
  kind.partial: {columns: ["*.kinds.partial"], mask: {kind: partial, last: 4}}
  kind.null: {columns: ["*.kinds.null"], mask: {kind: "null"}}
  kind.hash: {columns: ["*.kinds.hash"], mask: {kind: hash}}
  kind.token: {columns: ["*.kinds.token"], mask: {kind: token}}
  kind.json: {columns: ["*.kinds.json"], mask: {kind: json, paths: {"$.email": {kind: email}}}}
  kind.scrub: {columns: ["*.kinds.scrub"], mask: {kind: scrub}}
rules:
  - {id: reads, effects: [READ], decide: allow}
"""

POOLER = """
[databases]
{database} = host={host} port={port} dbname={database}
[pgbouncer]
listen_addr = {host}
listen_port = {own}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = session
default_pool_size = 50
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""


@dataclass(frozen=True)
class Lane:
    """A way to the server: its name and the environment that libpq's programs take."""

    name: str
    port: int
    password: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": AGENT,
            "PGPASSWORD": self.password,
            "PGDATABASE": DATABASE,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
        }


@dataclass(frozen=True)
class Ways:
    """Every lane there is, why one is missing, and the server's own pgbench."""

    lanes: tuple[Lane, ...]
    missing: str
    pgbench: Path


def arguments(about: str | None) -> argparse.Namespace:
    """What both measurements are told."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds in all: does it work?")
    parser.add_argument("--rounds", type=int, default=5, help="of each lane in turn; their median counts")
    parser.add_argument("--seconds", type=float, default=3, help="of one run of pgbench")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--no-install", action="store_true", help="PgBouncer only where it is there already")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds, given.rows = 1, 1, min(given.rows, 20_000)
    return given


@contextlib.contextmanager
def ways(rows: int, *, install: bool, kinds: bool = False) -> Iterator[Ways]:
    """Everything started, with `rows` people in the table, or (`kinds`) so many rows of every kind of mask; `install`:
    PgBouncer, where that is possible."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pgmaskproxy-bench-")))
        directory.chmod(0o711)
        server = stack.enter_context(EmbeddedServer(settings={"shared_buffers": "512MB", "max_connections": "100"}))
        passwords = Passwords()
        _fill(server, passwords, rows, kinds=kinds)
        lanes = [Lane("direct", server.port, passwords.agent)]
        missing, pooler = _pgbouncer(install=install)
        if pooler is not None:
            port = free_port()
            stack.enter_context(_running(_pooler_command(pooler, directory, server, port, passwords), port))
            lanes.append(Lane("pgbouncer", port, passwords.agent))
        ports = Ports(free_port(), free_port(), free_port())
        command = _proxy_command(directory, server, passwords, ports)
        stack.enter_context(_running(command, ports.proxy, f"http://{HOST}:{ports.metrics}/readyz"))
        lanes.append(Lane("pgmaskproxy", ports.proxy, passwords.agent))
        yield Ways(tuple(lanes), missing, server.bindir / "pgbench")


def conditions() -> str:
    """What the numbers were measured under."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{'compiled' if compiled() else 'interpreted'}, {os.cpu_count()} cores, load {load}"


def against_direct(found: dict[str, list[float]], *, higher_is_better: bool) -> dict[str, dict[str, float]]:
    """By lane: the median, and how many times as good as direct it is."""
    medians = {name: statistics.median(numbers) for name, numbers in found.items()}
    base = medians["direct"]
    return {
        name: {"median": value, "ratio": value / base if higher_is_better else base / value}
        for name, value in medians.items()
    }


def _fill(server: EmbeddedServer, passwords: Passwords, rows: int, *, kinds: bool) -> None:
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    environment = {**os.environ, "PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": "postgres"}
    environment["PGPASSWORD"] = psycopg.conninfo.conninfo_to_dict(server.conninfo()).get("password") or ""
    subprocess.run(
        [server.bindir / "pgbench", "--initialize", "--quiet", "--scale=1", DATABASE],
        env=environment,
        check=True,
        capture_output=True,
    )
    with psycopg.connect(server.conninfo(DATABASE), autocommit=True) as connection:
        people, others = (1, rows) if kinds else (rows, 1)
        script = SCHEMA.replace("ROWS", str(people)) + KINDS_SCHEMA.replace("ROWS", str(others))
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        for role in (ROLE, AGENT):
            connection.execute(f"ALTER ROLE {role} PASSWORD '{passwords.agent}'".encode())


def _pgbouncer(*, install: bool) -> tuple[str, Path | None]:
    """Debian's, installed where that is possible; else why not."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and install and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # Installed, it would be started as a service: a policy-rc.d of our own says no to that.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            for command in (["update"], ["install", "-y", "--no-install-recommends", "pgbouncer"]):
                subprocess.run(["apt-get", *command], env=quiet, check=False, capture_output=True)
        finally:
            if ours:
                policy.unlink()
        found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        return "PgBouncer is not installed (Debian: apt-get install pgbouncer), so it was not measured", None
    return "", Path(found)


def _pooler_command(
    program: Path, directory: Path, server: EmbeddedServer, port: int, passwords: Passwords
) -> list[str]:
    users, settings = directory / "users.txt", directory / "pgbouncer.ini"
    users.write_text(f'"{AGENT}" "{passwords.agent}"\n')
    settings.write_text(POOLER.format(database=DATABASE, host=HOST, port=server.port, own=port, users=users))
    as_somebody = ["-u", "nobody"] if os.geteuid() == 0 else []
    return [str(program), "--quiet", *as_somebody, str(settings)]


def _proxy_command(directory: Path, server: EmbeddedServer, passwords: Passwords, ports: Ports) -> list[str]:
    home = directory / "proxy"
    home.mkdir()
    upstream = Upstream(
        server.host, server.port, ROLE, passwords.agent, DATABASE, server.conninfo(DATABASE), server.version
    )
    path = stage.write_files(home, upstream, passwords, ports)
    (home / "policies" / "default.yaml").write_text(POLICY)
    program = "from pgmaskproxy.cli import main; main()"
    # -P: the installed package, which is compiled, not a checkout that one happens to stand in.
    return [sys.executable, "-P", "-c", program, "serve", "-c", str(path), "--log-level", "error"]


@contextlib.contextmanager
def _running(command: list[str], port: int, ready: str = "") -> Iterator[None]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            _wait(process, port, ready)
            yield
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int, ready: str) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError):
            if ready:
                urllib.request.urlopen(ready, timeout=5).close()
            else:
                socket.create_connection((HOST, port), timeout=5).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"it did not start: {process.args!r}")
