"""What breaks around the proxy: the server, the disk, the process, a client that does not read."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.audit.verify import verify
from pgmaskproxy.demo.server import HOST
from pgmaskproxy.wire.frontend import Query
from tests.e2e.commands import active, backend, eventually, health, pgmaskproxy
from tests.e2e.raw import Raw
from tests.e2e.waiting import SECONDS, ask, status
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy
from tests.harness.tap import ByteTap

SLOW = "SELECT count(*) FROM generate_series(1, 3000000000)"


def test_the_servers_backend_is_ended(shared_proxy: Proxy) -> None:
    """By an administrator: the client gets the server's own 57P01, idle or not, and can connect again."""
    for statement in ("SELECT 1", SLOW):
        with psycopg.connect(shared_proxy.database.admin, autocommit=True) as admin:
            connection = shared_proxy.connect()
            process = backend(connection)
            waiting = ask(connection, SLOW) if statement == SLOW else None
            if waiting is not None:
                eventually(partial(active, shared_proxy, process), "it does not run")
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
            with pytest.raises(psycopg.OperationalError) as raised:
                waiting.result() if waiting is not None else connection.execute(statement.encode())
            assert raised.value.sqlstate == "57P01" or "terminating connection" in str(raised.value)
            connection.close()
    with shared_proxy.connect() as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_the_server_cannot_be_reached_any_more(shop18: servers.Database, tmp_path: Path) -> None:
    """The line to it is cut: what runs and what is held ends with 08006, and so does every new login."""
    with (
        ByteTap(shop18.server.host, shop18.server.port) as line,
        proxies.in_process(shop18, tmp_path, overrides={"upstream.port": line.port}) as proxy,
    ):
        idle, running, holding = proxy.connect(), proxy.connect(), proxy.connect()
        slow, held = ask(running, SLOW), ask(holding, "DELETE FROM payments")
        request = held.request()
        line.close()
        for waiting in (slow, held):
            with pytest.raises(psycopg.OperationalError, match="closed the connection") as raised:
                waiting.result()
            assert raised.value.sqlstate in {"08006", None}
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        assert proxy.tap.to_client.count(b"C08006\0") == 3
        with pytest.raises(psycopg.OperationalError, match="cannot be reached"):
            proxy.connect()
        assert proxy.tap.to_client.count(b"C08006\0") == 4
        with proxy.person() as bob:
            eventually(lambda: bob.request(request).body["state"] == "withdrawn", "still pending")
            assert bob.approve(request).status == 409
        for connection in (idle, running, holding):
            connection.close()
        proxy.check_bytes()
    with psycopg.connect(shop18.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)


def test_no_server_no_start(served: Proxy) -> None:
    """`serve` says so and exits 69; so does `check`."""
    assert served.process is not None
    served.process.terminate()
    assert served.process.wait(SECONDS) == 0
    path = served.directory / "pgmaskproxy.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"port: {served.config.upstream.port}", "port: 1"), encoding="utf-8")
    ended = pgmaskproxy("serve", "-c", str(path))
    assert ended.returncode == 69, ended.stderr
    assert "127.0.0.1" in ended.stderr
    path.write_text(text.replace("policies/default.yaml", "policies/nowhere.yaml"), encoding="utf-8")
    ended = pgmaskproxy("serve", "-c", str(path))
    assert ended.returncode == 78, ended.stderr
    assert "nowhere.yaml" in ended.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root mounts file systems")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def _fill(place: Path) -> None:
    with place.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


def _connect_until_refused(proxy: Proxy) -> None:
    """The last page of the log's file has room for some short records yet."""
    for _ in range(100):
        proxy.connect().close()


def test_a_full_disk_under_the_audit_log(shop18: servers.Database, tmp_path: Path, disk: Path) -> None:
    """What cannot be recorded does not run: not a read, not what a person approved, not a login."""
    directory = tmp_path / "proxy"
    directory.mkdir(mode=0o755)
    with (
        proxies.in_process(shop18, directory, overrides={"audit.directory": str(disk / "audit")}) as proxy,
        contextlib.ExitStack() as stack,
    ):
        connection, holding = stack.enter_context(proxy.connect()), stack.enter_context(proxy.connect())
        held = ask(holding, "UPDATE products SET stock = -12")
        request = held.request()
        filler = disk / "filler"
        _fill(filler)
        for statement in ("SELECT name FROM customers", "UPDATE products SET stock = -12 WHERE id = 1", "SELECT 1"):
            for prepare in (False, True):
                with pytest.raises(psycopg.Error) as raised:
                    connection.execute(statement.encode(), prepare=prepare)
                assert raised.value.sqlstate == "53100"
                assert status(connection) == TransactionStatus.IDLE
        with pytest.raises(psycopg.Error) as raised:
            connection.execute("DELETE FROM payments")  # cannot even be asked for
        assert raised.value.sqlstate == "53100"
        with pytest.raises(psycopg.OperationalError):
            _connect_until_refused(proxy)
        with proxy.person() as bob:
            assert bob.approve(request).status >= 500
        assert held.held
        filler.unlink()
        assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)
        with proxy.person() as bob:
            assert bob.approve(request).status == 200
        assert held.result() == ("UPDATE 24", None)
        proxy.check_bytes()
        report = verify([disk / "audit"])
        assert report.ok, report.problems
        assert b'"approval.released"' in proxy.audit_records()


def test_kill_9_while_a_statement_is_held(served: Proxy) -> None:
    """Nothing runs; after a new start the request is withdrawn and can be approved by nobody; the chain goes on."""
    assert served.process is not None
    with served.connect() as connection:
        waiting = ask(connection, "DELETE FROM payments")
        request = waiting.request()
        served.process.kill()
        served.process.wait()
        with pytest.raises(psycopg.OperationalError):
            waiting.result()
    with psycopg.connect(served.database.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)
    command = [sys.executable, "-c", "from pgmaskproxy.cli import main; main()"]
    again = subprocess.Popen(
        [*command, "serve", "-c", str(served.directory / "pgmaskproxy.yaml")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _ready(served), "it does not start again")
        with served.person() as bob:
            assert bob.request(request).body["state"] == "withdrawn"
            assert bob.approve(request).status == 409
        with served.connect() as connection:
            assert connection.execute("SELECT count(*) FROM payments").fetchone() == (500,)
    finally:
        again.terminate()
        assert again.wait(SECONDS) == 0
    report = verify([served.config.audit.directory])
    assert report.ok, report.problems


def _ready(proxy: Proxy) -> bool:
    try:
        return health(proxy, "/readyz")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    "column", ["repeat('x', 1000)", "(SELECT ssn FROM customers WHERE id = 1)"], ids=["clean", "masked"]
)
def test_a_client_that_does_not_read_costs_no_memory(served: Proxy, column: str) -> None:
    """Many megabytes are asked for and not read; then they are, and every row is there."""
    rows = 100_000 if "repeat" in column else 2_000_000
    assert served.process is not None
    connection = psycopg.connect(served.conninfo(port=served.port), autocommit=True)
    with socket.socket(fileno=connection.pgconn.socket) as borrowed:
        raw = Raw(borrowed)
        before = _resident(served.process.pid)
        raw.send(Query(f"SELECT {column} FROM generate_series(1, {rows})".encode()).encode())
        raw.socket.settimeout(3 * SECONDS)
        threading.Event().wait(2)  # long enough for all of it, if anything kept it
        assert _resident(served.process.pid) - before < 40 << 20
        tail = b""
        size = 0
        while not tail.endswith(b"Z\0\0\0\5I"):
            data = raw.socket.recv(1 << 20)
            assert data, "closed"
            size += len(data)
            tail = tail[-64:] + data
        assert f"SELECT {rows}\0".encode() in tail
        assert size > rows * (1000 if "repeat" in column else 10)
        assert _resident(served.process.pid) - before < 40 << 20
        borrowed.detach()
    connection.close()


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_a_client_that_hangs_up_while_its_statement_runs(shared_proxy: Proxy) -> None:
    """The server's side is let go of too: nobody is left to read, and nothing keeps running for ever."""
    with psycopg.connect(shared_proxy.database.admin, autocommit=True) as admin:
        connection = shared_proxy.connect()
        process = backend(connection)
        ask(connection, "SELECT count(*) FROM generate_series(1, 10000000)")
        eventually(lambda: active(shared_proxy, process), "it does not run")
        with socket.socket(fileno=connection.pgconn.socket) as borrowed:
            borrowed.shutdown(socket.SHUT_RDWR)
            borrowed.detach()
        eventually(
            lambda: admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [process]).fetchone() is None,
            "its backend is still there",
        )


def test_the_port_is_taken(served: Proxy) -> None:
    with socket.create_server((HOST, 0)) as taken:
        path = served.directory / "pgmaskproxy.yaml"
        text = path.read_text(encoding="utf-8")
        other = served.directory / "other.yaml"
        other.write_text(text.replace(f"port: {served.port}", f"port: {taken.getsockname()[1]}"), encoding="utf-8")
        ended = pgmaskproxy("serve", "-c", str(other))
    assert ended.returncode == 69, ended.stderr
    assert str(taken) not in ended.stderr
