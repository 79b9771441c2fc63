"""Dropped, reset, delayed and half-closed traffic between each pair: an error at most, and nothing is left of it.

A conversation (a login, masked rows, a transaction, COPY) is cut at many places in either direction, between the client
and the proxy and between the proxy and the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.demo.server import HOST, EmbeddedServer
from tests.e2e.commands import eventually, health
from tests.e2e.waiting import status
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy
from tests.harness.relay import Fault, Relay, relayed

APPLICATION: Final = "faults"
PLACES: Final = 5
"""In how many places each way of each pair is cut."""


@dataclass(frozen=True, slots=True)
class Network:
    """A proxy with a relay on either side."""

    proxy: Proxy
    outside: Relay
    """Between the client and the proxy."""
    inside: Relay
    """Between the proxy and the server."""

    def relay(self, name: str) -> Relay:
        return self.outside if name == "outside" else self.inside

    def calm(self) -> None:
        """Nothing is wrong with what comes next."""
        for relay in (self.outside, self.inside):
            relay.fault, relay.piece, relay.delay = None, 65536, 0.0

    def conninfo(self) -> str:
        return self.proxy.conninfo(port=self.outside.port, application_name=APPLICATION)


@pytest.fixture(scope="module")
def network(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with ExitStack() as stack:
        database = stack.enter_context(servers.fresh_shop(server))
        inside = stack.enter_context(relayed(server.host, server.port, marker=b"pgmaskproxy.session_id"))
        proxy = stack.enter_context(
            proxies.in_process(
                database,
                tmp_path_factory.mktemp("network"),
                overrides={"upstream.port": inside.port, "hold.heartbeat": 1},
            )
        )
        yield Network(proxy, stack.enter_context(relayed(HOST, proxy.tap.port)), inside)
        proxy.check_bytes()


def converse(conninfo: str) -> bool:
    """Everything once; whether it came to its end. What is cut is an error of the connection and nothing else."""
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=60) as connection:
            rows = connection.execute("SELECT id, ssn FROM customers, generate_series(1, 4) ORDER BY id").fetchall()
            assert {ssn for _, ssn in rows} == {"***"}
            connection.execute("BEGIN")
            connection.execute("UPDATE products SET stock = stock + %s WHERE id = 1", [1])
            connection.execute("UPDATE products SET stock = stock + %s WHERE id = 2", [1])
            with connection.cursor().copy("COPY customers (id, ssn) TO STDOUT") as copy:
                assert {row.split(b"\t")[1] for row in b"".join(bytes(part) for part in copy).splitlines()} == {b"***"}
            connection.execute("COMMIT")
            assert status(connection) == TransactionStatus.IDLE
    except psycopg.OperationalError:
        return False
    return True


def stocks(network: Network) -> tuple[int, int]:
    with psycopg.connect(network.proxy.database.admin) as admin:
        one, two = admin.execute("SELECT stock FROM shop.products WHERE id IN (1, 2) ORDER BY id").fetchall()
    return one[0], two[0]


def nothing_is_left(network: Network) -> None:
    """No client, and no backend that served one."""
    backends = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s"
    with psycopg.connect(network.proxy.database.admin, autocommit=True) as admin:
        eventually(
            lambda: admin.execute(backends, [f"{APPLICATION}%"]).fetchone() == (0,), "a server's backend is still there"
        )
    eventually(
        lambda: "pgmaskproxy_client_connections 0.0" in health(network.proxy, "/metrics")[1], "a session is still there"
    )


@pytest.mark.parametrize("what", ["reset", "close"])
@pytest.mark.parametrize("down", [True, False], ids=["to the client", "to the server"])
@pytest.mark.parametrize("name", ["outside", "inside"])
def test_traffic_is_cut_anywhere(network: Network, name: str, down: bool, what: str) -> None:
    """All of a transaction is there or nothing of it, no labelled value went out, and the next client is served."""
    network.calm()
    relay = network.relay(name)
    before = relay.passed[down]
    assert converse(network.conninfo())
    size = relay.passed[down] - before
    ended = []
    for place in range(PLACES):
        was = stocks(network)
        # Between the first byte and the last but a few: at the end everything has been said.
        relay.fault = Fault(1 + (size - 40) * place // (PLACES - 1), what, down)
        ended.append(converse(network.conninfo()))
        relay.fault = None
        nothing_is_left(network)
        now = stocks(network)
        assert now in (was, (was[0] + 1, was[1] + 1))
        assert not ended[-1] or now != was
    assert not all(ended)
    assert converse(network.conninfo())


def test_traffic_that_comes_byte_by_byte_and_late(network: Network) -> None:
    """Slow is not wrong."""
    for relay in (network.outside, network.inside):
        network.calm()
        relay.piece, relay.delay = 97, 0.0005
        assert converse(network.conninfo())
        network.calm()
    for relay in (network.outside, network.inside):
        relay.piece = 1
    with psycopg.connect(network.conninfo(), autocommit=True) as connection:
        assert connection.execute("SELECT id, ssn, name FROM customers ORDER BY id LIMIT 1").fetchone() is not None
    network.calm()


def test_a_network_that_stands_still_is_left_without_a_trace(network: Network) -> None:
    """Between proxy and server nothing comes any more; who waits for it may go, and takes the rest with it."""
    network.calm()
    network.inside.fault = Fault(6000, "stall")
    connection = psycopg.connect(network.conninfo(), autocommit=True)
    network.inside.fault = None
    connection.pgconn.send_query(b"SELECT id, ssn FROM customers, generate_series(1, 100)")
    connection.pgconn.finish()
    eventually(
        lambda: "pgmaskproxy_client_connections 0.0" in health(network.proxy, "/metrics")[1], "a session is still there"
    )
    with psycopg.connect(network.conninfo(), autocommit=True) as other:
        assert other.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)
    network.inside.reset()
    nothing_is_left(network)
