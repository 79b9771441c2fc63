"""The ways to one server: direct, through PgBouncer, through pgmaskproxy in several forms, and through others.

Every lane is reached over TCP on loopback, without TLS, by the same login. PgBouncer pools by session; the proxy is
`pgmaskproxy serve` in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shlex
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template

from bench.builds import Build
from bench.database import AGENT, BOOKS, DATABASE, LOGGED, POLICY, ROLE, TRANSPARENT, Database
from pgmaskproxy.demo import stage
from pgmaskproxy.demo.server import HOST, free_port
from pgmaskproxy.demo.stage import Passwords, Ports, Upstream

SECONDS = 30.0
CONNECTIONS = 1200

DIRECT = "direct"
POOLER_LANE = "pgbouncer"
MASKING = "masking"
TRANSPARENT_LANE = "transparent"
LOGGED_LANE = "trees logged"
INTERPRETED = "interpreted"
WORKERS = "workers"

POOLER = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = {host}
listen_port = {own}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = session
default_pool_size = {connections}
max_client_conn = {connections}
server_idle_timeout = 5
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""

LIMITS = f"limits: {{connections: {CONNECTIONS}, row_bytes: 256MiB}}\n"
"""Beyond what comes: as many connections as are opened here, and a masked value of 100 MB."""


@dataclass
class Lane:
    """A way to the server: what it is called, what is said of it, and where it listens."""

    name: str
    about: str
    port: int
    password: str = field(repr=False)
    command: Sequence[str] = ()
    """What runs it; nothing for the server itself."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready: str = ""
    """An address that answers when it is ready to work."""
    metrics: str = ""
    process: subprocess.Popen[bytes] | None = None
    failed: str = ""
    """Why it is not measured, or no more."""

    @property
    def ours(self) -> bool:
        """Whether it is pgmaskproxy."""
        return bool(self.metrics)

    def client(self, database: str = DATABASE) -> dict[str, str]:
        """The environment that libpq's programs take."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": AGENT,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
        }

    def start(self) -> float:
        """Seconds from its start until it accepts; returns when it is ready, which may be later."""
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            list(self.command), stdin=subprocess.DEVNULL, env=dict(self.environment) or None, cwd="/"
        )
        accepting = self._wait(lambda: socket.create_connection((HOST, self.port), timeout=5).close()) - begun
        if self.ready:
            self._wait(lambda: urllib.request.urlopen(self.ready, timeout=5).close())
        return accepting

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait(self, attempt: object) -> float:
        assert callable(attempt)
        assert self.process is not None
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError, urllib.error.URLError):
                attempt()
                return time.perf_counter()
            time.sleep(0.005)
        raise RuntimeError(f"{self.name} did not start: {shlex.join(self.command)}")


@dataclass(frozen=True)
class Other:
    """Somebody else's proxy: `command` with $port, $upstream_host, $upstream_port, $user, $password, $database and
    $config, which is the file `template` with these filled in."""

    name: str
    command: str
    template: Path | None = None


@dataclass(frozen=True)
class Proxied:
    """A form of our own."""

    name: str
    about: str
    build: Build | None
    policy: str = POLICY
    role: str = ROLE
    workers: int = 1


@dataclass(frozen=True)
class Wanted:
    """Which lanes there are to be."""

    compiled: Build | None
    interpreted: Build | None
    workers: int
    """In the lane of several workers; 0: no such lane."""
    pooler: Path | None
    others: tuple[Other, ...] = ()
    only: frozenset[str] | None = None
    """Names; None for every one."""

    def takes(self, name: str) -> bool:
        return name == DIRECT or self.only is None or name in self.only

    def limited(self, names: frozenset[str]) -> Wanted:
        """To these, too."""
        return replace(self, only=names if self.only is None else self.only & names)


@contextlib.contextmanager
def lanes(database: Database, directory: Path, wanted: Wanted) -> Iterator[list[Lane]]:
    """All of them, running; what does not start says so in `failed`."""
    allow_files()
    found = list(_lanes(database, directory, wanted))
    try:
        for lane in found:
            if lane.command:
                try:
                    lane.start()
                except (RuntimeError, OSError) as error:
                    lane.failed = str(error)
        yield found
    finally:
        for lane in found:
            lane.stop()


def allow_files() -> None:
    """Hundreds of connections, two descriptors each: as many files as may be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65536), hard))


def _lanes(database: Database, directory: Path, wanted: Wanted) -> Iterator[Lane]:
    server, password = database.server, database.passwords.agent
    yield Lane(DIRECT, "PostgreSQL itself", server.port, password)
    if wanted.pooler is not None and wanted.takes(POOLER_LANE):
        yield _pooler(wanted.pooler, directory, database)
    main = wanted.compiled or wanted.interpreted
    one = Proxied(MASKING, "masking and attesting, as one would have it", main)
    forms = (
        replace(one, name=TRANSPARENT_LANE, about="a recorder: every statement passes as it is", policy=TRANSPARENT),
        one,
        replace(one, name=LOGGED_LANE, about="the same, the role's log_min_messages as it comes", role=LOGGED),
        replace(
            one, name=INTERPRETED, about="the same, not compiled", build=wanted.interpreted if wanted.compiled else None
        ),
        replace(one, name=WORKERS, about=f"the same, {wanted.workers} workers", workers=wanted.workers),
    )
    for form in forms:
        if form.build is not None and form.workers and wanted.takes(form.name):
            yield _proxy(form, form.build, directory, database)
    for other in wanted.others:
        if wanted.takes(other.name):
            yield _other(other, directory, database)


def _pooler(program: Path, directory: Path, database: Database) -> Lane:
    users, settings, port = directory / "users.txt", directory / "pgbouncer.ini", free_port()
    users.write_text(f'"{AGENT}" "{database.passwords.agent}"\n')
    upstream = database.server
    settings.write_text(
        POOLER.format(host=HOST, port=upstream.port, own=port, users=users, connections=CONNECTIONS // 2)
    )
    as_somebody = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [str(program), "--quiet", *as_somebody, str(settings)]
    return Lane(POOLER_LANE, "PgBouncer, a session each", port, database.passwords.agent, command)


def _proxy(form: Proxied, build: Build, directory: Path, database: Database) -> Lane:
    home = directory / form.name.replace(" ", "-")
    home.mkdir()
    server, passwords = database.server, database.passwords
    ports = Ports(free_port(), free_port(), free_port())
    both = f"{DATABASE}, {BOOKS}"
    upstream = Upstream(server.host, server.port, form.role, passwords.agent, both, server.conninfo(DATABASE), "")
    path = stage.write_files(home, upstream, Passwords(agent=passwords.agent), ports)
    more = LIMITS + (f"workers: {form.workers}\n" if form.workers > 1 else "")
    path.write_text(path.read_text() + more)
    (home / "policies" / "default.yaml").write_text(form.policy)
    program = "from pgmaskproxy.cli import main; main()"
    command = build.command(program, "serve", "-c", str(path), "--log-level", "error")
    base = f"http://{HOST}:{ports.metrics}"
    return Lane(
        form.name,
        form.about,
        ports.proxy,
        passwords.agent,
        command,
        build.environment(),
        f"{base}/readyz",
        f"{base}/metrics",
    )


def _other(other: Other, directory: Path, database: Database) -> Lane:
    port, config = free_port(), directory / f"{other.name}.conf"
    given = {
        "port": str(port),
        "upstream_host": HOST,
        "upstream_port": str(database.server.port),
        "user": AGENT,
        "password": database.passwords.agent,
        "database": DATABASE,
        "config": str(config),
        "directory": str(directory),
    }
    if other.template is not None:
        config.write_text(Template(other.template.read_text()).safe_substitute(given))
    command = shlex.split(Template(other.command).safe_substitute(given))
    return Lane(other.name, f"{other.command.split()[0]}, as given", port, database.passwords.agent, command)


def find_pooler(*, install: bool) -> Path | None:
    """Debian's PgBouncer, installed where that is wanted and possible."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    found = shutil.which("pgbouncer", path=path)
    if found is None and install and shutil.which("apt-get") and os.geteuid() == 0:
        _install("pgbouncer")
        found = shutil.which("pgbouncer", path=path)
    return None if found is None else Path(found)


def _install(package: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Installed, it would be started as a service: a policy-rc.d of our own says no to that.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *command], env=quiet, check=False, capture_output=True)
    finally:
        if ours:
            policy.unlink()
