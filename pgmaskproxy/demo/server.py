"""A throwaway PostgreSQL: initialised, started on loopback, and always stopped and removed.

    with EmbeddedServer() as server:
        psycopg.connect(server.conninfo("postgres"))

Works as an ordinary user and as root, with the wheel's PostgreSQL 18 or any other by `bindir`. It is
reached over TCP on 127.0.0.1 and over a Unix socket in its own private directory, by a superuser
whose password is generated.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias, final

import psycopg.conninfo

from pgmaskproxy.demo import supervise
from pgmaskproxy.demo.binaries import Account, runnable_bindir, server_account
from pgmaskproxy.errors import Unavailable

Authentication: TypeAlias = Literal["scram-sha-256", "password", "trust"]
HOST: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
PORT_TRIES: Final = 5
QUICK: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@final
class EmbeddedServer:
    """One PostgreSQL server of our own.

    `directory` is the parent of what it makes (None: the system's temporary directory); what it
    makes there is removed. `port` 0 picks a free one. `authentication` is pg_hba.conf's method for
    every login, after the lines of `hba`, which come first. `settings` are postgresql.conf's.
    `durable` False turns fsync off. Raises `Unavailable` where the server does not come up.
    """

    def __init__(
        self,
        bindir: Path | None = None,
        directory: Path | None = None,
        port: int = 0,
        *,
        authentication: Authentication = "scram-sha-256",
        hba: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        durable: bool = False,
    ) -> None:
        self.host = HOST
        self.port = port
        self.user = SUPERUSER
        self.password = secrets.token_urlsafe(24)
        self.version = ""
        self.directory = Path()
        self._wanted_bindir = bindir
        self._parent = directory
        self._hba = (*hba, f"local all all {authentication}", f"host all all {HOST}/32 {authentication}")
        self._settings = {**({} if durable else QUICK), **(settings or {})}
        self._bindir = Path()
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def bindir(self) -> Path:
        """Where the programs really run from: psql, pg_dump and pgbench are there too."""
        return self._bindir

    @property
    def socket_directory(self) -> Path:
        """Where the Unix socket is: fit for libpq's `host`."""
        return self.directory / "s"

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def conninfo(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """libpq's keyword form, for the superuser or for `user`."""
        return psycopg.conninfo.make_conninfo(
            host=self.host,
            port=self.port,
            dbname=database,
            user=user or self.user,
            password=self.password if user is None else password,
        )

    def start(self) -> None:
        """Initialise and start; returns once connections are accepted."""
        account = server_account()
        self._bindir = runnable_bindir(self._wanted_bindir, account)
        if self.port:
            _require_free(self.port)
        # A short name: a Unix socket's path has some 100 bytes, and the parent's name takes most of them.
        self.directory = Path(tempfile.mkdtemp(prefix="pgm-", dir=self._parent))
        try:
            self._initialise(account)
            if self.port:
                self._launch(account)
            else:
                self._launch_somewhere(account)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and remove everything it has; harmless when it is not running."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None and supervisor.stdin is not None:
            supervisor.stdin.close()
            supervisor.wait(STOP_SECONDS)
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _initialise(self, account: Account | None) -> None:
        for path in (self.directory, self.socket_directory):
            path.mkdir(mode=0o700, exist_ok=True)
        secret = self.directory / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password, encoding="ascii")
        if account is not None:
            for path in (self.directory, self.socket_directory, secret):
                os.chown(path, account.uid, account.gid)
        command = [
            str(self._bindir / "initdb"),
            f"--pgdata={self.directory / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        ended = _run(command, account, self.directory)
        if ended.returncode != 0:
            raise Unavailable(f"initdb failed: {ended.stderr.decode(errors='replace').strip()}")
        secret.unlink()
        (self.directory / "data" / "pg_hba.conf").write_text("\n".join(self._hba) + "\n", encoding="utf-8")
        version = _run([str(self._bindir / "postgres"), "--version"], account, self.directory).stdout.decode()
        found = re.search(r"\d+(?:\.\d+)*", version)
        self.version = found.group() if found else ""

    def _launch_somewhere(self, account: Account | None) -> None:
        for attempt in range(1, PORT_TRIES + 1):
            self.port = free_port()
            try:
                self._launch(account)
            except Unavailable:
                if attempt == PORT_TRIES or "Address already in use" not in self.log:
                    raise
            else:
                return

    def _launch(self, account: Account | None) -> None:
        log = self.directory / "log"
        log.write_bytes(b"")
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_directory),
        }
        command = [str(self._bindir / "postgres"), "-D", str(self.directory / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        owner = ["-", "-"] if account is None else [str(account.uid), str(account.gid)]
        supervisor = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-I", "-S", supervise.__file__, str(self.directory), *owner, str(log), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C is ours to handle, not the server's
        )
        self._supervisor = supervisor
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if supervisor.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"PostgreSQL did not start: {self.log.strip()[-2000:]}")
            time.sleep(0.01)

    def _ready(self) -> bool:
        """Whether postmaster.pid's eighth line says so: what pg_ctl looks at."""
        try:
            lines = (self.directory / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Unavailable(f"port {port} of {HOST} cannot be used: {error.strerror}") from error


def _run(command: Sequence[str], account: Account | None, directory: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if account is None:
        return subprocess.run(command, cwd=directory, env=environment, capture_output=True, check=False)  # noqa: S603
    return subprocess.run(  # noqa: S603
        command,
        cwd=directory,
        env=environment,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
