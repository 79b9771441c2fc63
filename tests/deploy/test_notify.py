"""A real `pgmaskproxy serve` and a real socket of systemd's kind: what it hears, from start to end."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from tests.harness import proxy as proxies
from tests.harness import servers


def test_ready_alive_reloading_and_stopping(shop18: servers.Database, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(20)

        def until(word: str) -> str:
            while word not in (said := told.recv(4096).decode()).splitlines():
                pass
            return said

        home = tmp_path / "proxy"
        home.mkdir()
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with proxies.as_process(shop18, home, environment=environment) as proxy:
            assert f"STATUS=listening on port {proxy.port}; 0 clients, 0 held statements" in until("READY=1")
            until("WATCHDOG=1")
            assert proxy.process is not None
            proxy.process.send_signal(signal.SIGHUP)
            until("RELOADING=1")
            until("READY=1")
            with proxy.connect() as connection:
                connection.execute("SELECT 1")
                while "1 clients" not in told.recv(4096).decode():
                    pass
            proxy.process.send_signal(signal.SIGTERM)
            until("STOPPING=1")
            assert proxy.process.wait(30) == 0
