"""Any bytes over real sockets to `pgmaskproxy serve`: an answer or an end, nothing in its log, no memory, and the other
clients are served as before."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgmaskproxy.demo.server import HOST, EmbeddedServer
from pgmaskproxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage
from tests.e2e.commands import eventually, health
from tests.fuzz.wire.scripts import SCRIPTS, Batch
from tests.fuzz.wire.test_bytes import frames, spoilt
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

EXAMPLES: Final = int(os.environ.get("WIRE_EXAMPLES", "60"))
SECONDS: Final = 60.0
GREETINGS: Final = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                StartupMessage(3, 0, ((b"user", b"agent"), (b"database", b"shop"))).encode(),
                StartupMessage(3, 2, ((b"user", b"agent"), (b"_pq_.x", b"1"))).encode(),
                StartupMessage(3, 0, ((b"user", b"nobody"),)).encode(),
                SSLRequest().encode(),
                GSSENCRequest().encode(),
                CancelRequest(1, b"key!").encode(),
                b"p\0\0\0\x08abcd",
                b"\x16\x03\x01\0\xa5\x01\0\0\xa1",
            ]
        ),
    ),
    min_size=1,
    max_size=5,
)


@final
class Serving:
    """The proxy, with a repr that a failing example can be read beside."""

    def __init__(self, proxy: Proxy) -> None:
        self.port = proxy.port
        self.conninfo = proxy.conninfo(port=proxy.port)

    def serves_others(self) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as other:
            assert other.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)


@pytest.fixture(scope="module")
def serving(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """It is as it was at the end: nothing failed, nobody is left, and it has not grown."""
    directory = tmp_path_factory.mktemp("sockets")
    with servers.fresh_shop(pg18) as database, proxies.as_process(database, directory) as proxy:
        assert proxy.process is not None
        for _ in range(20):
            proxy.connect(port=proxy.port).close()
        before = resident(proxy.process.pid)
        yield Serving(proxy)
        eventually(lambda: "pgmaskproxy_client_connections 0.0" in health(proxy, "/metrics")[1], "a session is left")
        log = (directory / "log").read_text(encoding="utf-8", errors="replace")
        assert "session_failed" not in log
        assert "Traceback" not in log
        assert resident(proxy.process.pid) - before < 64 << 20


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def said(connection: socket.socket, pieces: list[bytes]) -> bytes:
    """Say them, then that it is all; what came back, to the end of the connection. b"" where that was a reset: who
    says more behind what ends a session gets one, and with it goes what was not read yet."""
    connection.settimeout(SECONDS)
    received = b""
    try:
        with contextlib.suppress(BrokenPipeError):
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(1 << 16):
            received += data
    except TimeoutError:
        raise
    except OSError:
        return b""
    return received


@given(pieces=GREETINGS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_greeting_has_an_end(serving: Serving, pieces: list[bytes]) -> None:
    with socket.create_connection((HOST, serving.port), SECONDS) as connection:
        said(connection, pieces)
    serving.serves_others()


@given(data=st.data(), script=SCRIPTS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_session_has_an_end(serving: Serving, data: st.DataObject, script: list[Batch]) -> None:
    """After a login, messages that were spoilt; all that comes back is whole messages."""
    pieces = data.draw(spoilt([message for batch in script for message in batch.messages]))
    driver = psycopg.connect(serving.conninfo, autocommit=True)
    with socket.socket(fileno=driver.pgconn.socket) as borrowed:
        try:
            borrowed.setblocking(True)
            frames(said(borrowed, pieces))
        finally:
            borrowed.detach()
            driver.close()
    serving.serves_others()
