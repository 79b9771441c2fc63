"""A server, and a proxy before it whose policy is transparent: what other people's tests are run against.

    with transparent(DEBIAN_15, ["suite"]) as stage:
        stage.direct("suite"), stage.proxied("suite")

The login is the server's superuser on both ways, by the same name and password, so that only host and port differ.
`python -m tests.conformance.transparent --server 18 suite` prints both and waits for an end of input.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgmaskproxy.demo.server import HOST, EmbeddedServer, free_port
from pgmaskproxy.wire.scram import make_verifier
from tests.harness.servers import DEBIAN_15

START_SECONDS: Final = 60.0
PORT_TRIES: Final = 3
STOP_SECONDS: Final = 30.0

CONFIG: Final = """\
apiVersion: pgmaskproxy/v1
kind: Config
listen: {{host: {host}, port: {port}}}
upstream:
  host: "{host}"
  port: {server.port}
  user: {server.user}
  password: "${{file:upstream.password}}"
  attestation: {attestation}
  accept_trees_in_server_log: true
  accept_role: [superuser, createrole, replication, bypassrls, owner]
  databases: [{databases}]
policies: [policy.yaml]
principals: principals.yaml
state: "sqlite:///{directory}/state.db"
audit: {{directory: audit}}
keys: {{directory: keys}}
web: {{host: {host}, port: 0}}
metrics: {{host: {host}, port: {metrics}}}
limits: {{connections: 1000, statement_bytes: 256MiB, row_bytes: 1GiB, names: 100000, login_seconds: 60s}}
"""

PRINCIPALS: Final = """\
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - {{id: operator, groups: [dba]}}
users:
  - {{name: {user}, kind: service, owner: operator, verifier: "{verifier}"}}
"""

POLICY: Final = """\
apiVersion: pgmaskproxy/v1
kind: Policy
name: transparent
transparent: true
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """The two ways to one server."""

    server: EmbeddedServer
    port: int
    """The proxy's."""
    directory: Path
    """Of the proxy's files; its standard error is in `log` there."""

    def direct(self, database: str, **more: str | int) -> str:
        """libpq's keyword form, to the server itself."""
        return make_conninfo(self.server.conninfo(database), **more)

    def proxied(self, database: str, **more: str | int) -> str:
        """The same through the proxy."""
        return make_conninfo(self.server.conninfo(database), port=self.port, **more)

    def environment(self, database: str, *, proxied: bool) -> dict[str, str]:
        """What libpq and most drivers read."""
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.port if proxied else self.server.port),
            "PGUSER": self.server.user,
            "PGPASSWORD": self.server.password,
            "PGDATABASE": database,
            "PGGSSENCMODE": "disable",
            "PGSSLMODE": "disable",
        }

    def recreate(self, database: str) -> None:
        """The database, empty: whatever was in it is gone."""
        with psycopg.connect(self.direct("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(database))
            )


@contextmanager
def transparent(
    bindir: Path | None,
    databases: Sequence[str],
    *,
    settings: Mapping[str, str] | None = None,
    attestation: str = "off",
    policy: str = POLICY,
) -> Iterator[Stage]:
    """The server by `bindir` (None: the wheel's), with empty `databases`, and a proxy that lets clients into these."""
    known = {"max_connections": "200", "shared_buffers": "128MB", "max_prepared_transactions": "10", **(settings or {})}
    with (
        EmbeddedServer(bindir, settings=known) as server,
        tempfile.TemporaryDirectory(prefix="pgmaskproxy-transparent-") as directory,
        contextlib.ExitStack() as stack,
    ):
        stage = Stage(server, free_port(), Path(directory))
        for database in databases:
            if database != "postgres":
                stage.recreate(database)
        for left in reversed(range(PORT_TRIES)):
            try:
                stack.enter_context(_proxy(stage, databases, attestation, policy))
                break
            except AssertionError as error:
                if not left or "Address already in use" not in str(error):
                    raise
                stage = Stage(server, free_port(), Path(directory))  # somebody else was quicker
        yield stage


@contextmanager
def _proxy(stage: Stage, databases: Sequence[str], attestation: str, policy: str) -> Iterator[None]:
    metrics = free_port()
    path = _write(stage, databases, metrics, attestation, policy)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PGMASKPROXY_"))}
    with (stage.directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", "serve", "-c", str(path)],
            env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stderr=log,
            cwd=stage.directory,
        )
    try:
        _wait_until_ready(process, metrics, stage.directory / "log")
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write(stage: Stage, databases: Sequence[str], metrics: int, attestation: str, policy: str) -> Path:
    directory, server = stage.directory, stage.server
    secret = directory / "upstream.password"
    secret.touch(mode=0o600)
    secret.write_text(server.password, encoding="ascii")
    verifier = make_verifier(server.password, secrets.token_bytes(16))
    (directory / "principals.yaml").write_text(PRINCIPALS.format(user=server.user, verifier=verifier), encoding="utf-8")
    (directory / "policy.yaml").write_text(policy, encoding="utf-8")
    config = directory / "pgmaskproxy.yaml"
    config.write_text(
        CONFIG.format(
            host=HOST,
            port=stage.port,
            server=server,
            attestation=attestation,
            databases=", ".join(databases),
            directory=directory,
            metrics=metrics,
        ),
        encoding="utf-8",
    )
    return config


def _wait_until_ready(process: subprocess.Popen[bytes], metrics: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"http://{HOST}:{metrics}/readyz", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the proxy did not start: {log.read_text(encoding='utf-8', errors='replace')[-4000:]}")


def bindir_of(version: str) -> Path | None:
    """The programs of `15` (Debian's) or `18` (the wheel's)."""
    return DEBIAN_15 if version == "15" else None


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=("15", "18"), default="18")
    parser.add_argument("--attestation", choices=("off", "preferred", "required"), default="off")
    parser.add_argument("databases", nargs="+")
    asked = parser.parse_args()
    with transparent(bindir_of(asked.server), asked.databases, attestation=asked.attestation) as stage:
        for database in asked.databases:
            sys.stdout.write(f"direct:  {stage.direct(database)}\nproxied: {stage.proxied(database)}\n")
        sys.stdout.write(f"log:     {stage.directory / 'log'}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
