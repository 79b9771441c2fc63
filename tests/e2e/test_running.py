"""The proxy as an operator meets it: health, reload, drain, a kill, and a disk that is full."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.audit.verify import verify
from pgmaskproxy.demo.server import HOST
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

SECONDS = 30.0


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def refused(connection: psycopg.Connection, statement: str) -> psycopg.Error | None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error as error:
        return error
    return None


def fetch(port: int, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10) as answer:
        return answer.status, answer.read().decode()


def logged(proxy: Proxy, event: str) -> bool:
    lines = (proxy.directory / "log").read_text(encoding="utf-8").splitlines()
    return any(json.loads(line).get("event") == event for line in lines if line.startswith("{"))


def test_health_readiness_and_metrics(shared_proxy18: Proxy) -> None:
    with shared_proxy18.connect() as connection:
        connection.execute("SELECT ssn FROM customers LIMIT 3").fetchall()
        assert fetch(shared_proxy18.metrics_port, "/healthz")[0] == 200
        assert fetch(shared_proxy18.metrics_port, "/readyz")[0] == 200
        metrics = fetch(shared_proxy18.metrics_port, "/metrics")[1]
    assert 'pgmaskproxy_statements_total{database="' in metrics
    assert "pgmaskproxy_client_connections 1.0" in metrics
    assert "pgmaskproxy_cells_masked_total" in metrics


def test_sigterm_ends_an_idle_session_with_57p01_and_lets_a_transaction_finish(served: Proxy) -> None:
    with served.connect() as idle, served.connect() as busy:
        busy.execute("BEGIN")
        assert served.process is not None
        served.process.send_signal(signal.SIGTERM)
        with pytest.raises(psycopg.errors.AdminShutdown):
            eventually(lambda: idle.execute("SELECT 1").fetchone() is None)
        assert busy.execute("SELECT count(*) FROM orders").fetchone() == (600,)
        busy.execute("COMMIT")
        assert served.process.wait(SECONDS) == 0
    assert verify([*served.config.audit.directory.glob("*.jsonl")]).ok
    assert b'"server.stopped"' in served.audit_records()


def test_sighup_takes_a_new_policy_and_keeps_the_old_one_when_the_new_is_broken(served: Proxy) -> None:
    policy = served.directory / "policies" / "default.yaml"
    text = policy.read_text(encoding="utf-8")
    assert served.process is not None
    with served.connect() as connection:
        assert connection.execute("SELECT name FROM customers LIMIT 1").fetchone() == ("Bram Abbott",)
        policy.write_text(text + "\nrulez: [\n", encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda: logged(served, "policy_reload_failed"))
        assert connection.execute("SELECT name FROM customers LIMIT 1").fetchone() == ("Bram Abbott",)
        name = '  pii.name: {columns: ["*.customers.name"], mask: {kind: redact}}\n'
        policy.write_text(text.replace("  pii.ssn: ", f"{name}  pii.ssn: ", 1), encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda: connection.execute("SELECT name FROM customers LIMIT 1").fetchone() == ("***",))


def test_killed_while_a_statement_is_held_it_has_not_run(
    shop18: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with proxies.as_process(shop18, tmp_path) as proxy:
        notices: list[str] = []
        connection = proxy.connect()
        request.addfinalizer(connection.close)
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                connection.execute("DELETE FROM payments")
            except psycopg.Error as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: notices)
        assert proxy.process is not None
        proxy.process.kill()
        asking.join(SECONDS)
        assert failed, "the client is told that its connection is gone"
        assert verify([*proxy.config.audit.directory.glob("*.jsonl")]).ok
        records = proxy.audit_records()
        assert b'"approval.requested"' in records
        assert b'"statement.executing"' not in records
        with psycopg.connect(shop18.admin) as admin:
            assert admin.execute("SELECT count(*) > 0 FROM shop.payments").fetchone() == (True,)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a few records, where this account may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=64", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this account may not mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_on_a_full_disk_nothing_runs_and_nothing_is_lost(shop18: Database, tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "proxy").mkdir()
    overrides: dict[str, str | int | bool] = {"audit.directory": str(small_disk)}
    with proxies.in_process(shop18, tmp_path / "proxy", overrides=overrides) as proxy, proxy.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        # What is left of the log's last page takes a few records more.
        eventually(lambda: isinstance(refused(connection, "SELECT 1"), psycopg.errors.DiskFull))
        with pytest.raises(psycopg.errors.DiskFull):
            connection.execute("UPDATE orders SET quantity = 7 WHERE id = 1")
        with psycopg.connect(shop18.admin) as admin:
            assert admin.execute("SELECT count(*) FROM shop.orders WHERE id = 1 AND quantity = 7").fetchone() == (0,)
        ballast.unlink()
        assert connection.execute("SELECT 2").fetchone() == (2,), "it goes on as soon as the log does"
        assert verify([*small_disk.glob("*.jsonl")]).ok
