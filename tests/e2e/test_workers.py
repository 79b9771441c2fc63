"""Several workers behind one port: what one of them knows and others need, they have."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.audit.verify import verify
from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.wire.authentication import AuthenticationSASL, AuthenticationSASLContinue, SASLInitialResponse
from pgmaskproxy.wire.scram import MECHANISM, ClientExchange, Password
from tests.e2e.commands import active, backend, eventually, health
from tests.e2e.crews import TWO, chain, connected_to, metric
from tests.e2e.waiting import ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy
from tests.proxy.client import Client
from tests.proxy.stage import PERMISSIVE

SLOW = "SELECT count(*) FROM generate_series(1, 3000000000)"
HELD = "DELETE FROM payments"
POLICY = (
    PERMISSIVE + "  - {id: ask, effects: [WRITE], relations: ['*.payments'], decide: hold, "
    "approvers: {groups: [dba], deadline: 15m, in_transaction: 30s}}\n"
)


@pytest.fixture(scope="module")
def working(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """`pgmaskproxy serve` with two workers, for all tests here. The agent owns a view and what it shows."""
    # A socket's path is short.
    with servers.fresh_shop(pg18) as database, tempfile.TemporaryDirectory(prefix="workers-") as sockets:
        with psycopg.connect(database.admin, autocommit=True) as admin:
            admin.execute(f"ALTER TABLE shop.customers OWNER TO {database.role}")
            admin.execute(f"GRANT CREATE, USAGE ON SCHEMA shop TO {database.role}")
            admin.execute("CREATE VIEW shop.names AS SELECT id, name FROM shop.customers")
            admin.execute(f"ALTER VIEW shop.names OWNER TO {database.role}")
        directory: Path = tmp_path_factory.mktemp("workers")
        limits = {"PGMASKPROXY_LIMITS__CONNECTIONS": "9", "PGMASKPROXY_LIMITS__HELD_REQUESTS": "3"}
        by_file = {"PGMASKPROXY_LISTEN__UNIX_SOCKET_DIRECTORY": sockets}
        with proxies.as_process(
            database, directory, policy=POLICY, environment={**TWO, **limits, **by_file}
        ) as running:
            running.config = running.config.model_copy(
                update={"listen": running.config.listen.model_copy(update={"unix_socket_directory": Path(sockets)})}
            )
            yield running
            running.check_bytes()
            report = verify([running.config.audit.directory])
            assert report.ok, report.problems
            assert {chain.writer for chain in report.chains} == {"proxy", "proxy-1", "proxy-2"}


def quiet(proxy: Proxy) -> None:
    """Nobody is connected any more."""
    eventually(lambda: metric(proxy, "client_connections") == 0, "a connection is left")


def test_a_cancel_request_finds_its_session(working: Proxy) -> None:
    """Whichever worker it comes to: of eight the kernel deals some to the other one."""
    with ExitStack() as stack:
        for number in (1, 2):
            connection = connected_to(working, number, stack)
            process = backend(connection)
            for _ in range(4):
                running = ask(connection, SLOW)
                eventually(lambda process=process: active(working, process), "it does not run")  # type: ignore[misc]
                connection.cancel_safe()
                with pytest.raises(psycopg.errors.QueryCanceled):
                    running.result()
    quiet(working)


def test_whoever_votes_wakes_the_worker_that_holds(working: Proxy) -> None:
    with ExitStack() as stack:
        connections = [connected_to(working, number, stack) for number in (1, 2)]
        for connection, number in zip(connections, (1, 2), strict=True):
            waiting = ask(connection, HELD)
            request = waiting.request()
            assert metric(working, "approvals_pending") == 1
            with working.person() as bob:
                assert bob.reject(request, "not now").status == 200
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
                    waiting.result()
            waiting = ask(connection, f"DELETE FROM payments WHERE id = {number}")
            with working.person() as bob:
                assert bob.approve(waiting.request()).status == 200
            assert waiting.result() == ("DELETE 1", None)
            assert [each["ids"]["request"] for each in chain(working, f"proxy-{number}", "approval.released")]
    quiet(working)


def test_what_one_principal_may_have_held_is_counted_for_all_workers(working: Proxy) -> None:
    with ExitStack() as stack:
        waiting = [ask(connected_to(working, number, stack), HELD) for number in (1, 2, 1)]
        for each in waiting:
            each.request()
        for number in (1, 2):
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                ask(connected_to(working, number, stack), HELD).result()
    eventually(lambda: metric(working, "approvals_pending") == 0, "a request is left")
    with ExitStack() as stack:
        again = ask(connected_to(working, 2, stack), HELD)
        again.request()
    quiet(working)


def test_no_more_clients_than_allowed_over_all_workers(working: Proxy) -> None:
    with ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(working.connect(port=working.port))
        for _ in range(4):
            with pytest.raises(psycopg.OperationalError, match="too many clients"):
                working.connect(port=working.port)
    quiet(working)
    with working.connect() as connection:
        assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)
    quiet(working)


def test_what_one_worker_redefines_all_know(working: Proxy) -> None:
    """Also what was prepared and has run there before."""
    with ExitStack() as stack:
        here, there = (connected_to(working, number, stack) for number in (1, 2))
        statement = "SELECT name FROM shop.names WHERE id = 1"
        for _ in range(2):
            assert there.execute(statement, prepare=True).fetchone() == ("Bram Abbott",)
        here.execute("CREATE OR REPLACE VIEW shop.names AS SELECT id, ssn AS name FROM shop.customers")
        told = [each["data"]["epoch"] for each in chain(working, "proxy-2", "catalog.refreshed")]
        assert there.execute(statement, prepare=False).fetchone() == ("***",)
        assert chain(working, "proxy-2", "catalog.refreshed")[-1]["data"]["epoch"] > told[0]
    quiet(working)


def test_the_unix_socket_is_everybodys(working: Proxy) -> None:
    """Whoever of them is quicker."""
    with ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(
                working.connect(host=str(working.config.listen.unix_socket_directory), port=working.port)
            )
            assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)
    quiet(working)


async def test_who_does_not_exist_is_the_same_everywhere(working: Proxy) -> None:
    """A salt that depends on the worker would tell who exists."""
    salts = set()
    for _ in range(8):
        client = await Client.connect(working.port)
        client.start("nobody", working.database.name)
        await client.until(AuthenticationSASL)
        exchange = ClientExchange(b"", Password("x"), b"fyko+d2lbbFgONRv9qkxdawL")
        client.send(SASLInitialResponse(MECHANISM, exchange.first()))
        said = await client.until(AuthenticationSASLContinue)
        salts.add(said.data.split(b",")[1])
        await client.close()
    assert len(salts) == 1


def test_metrics_are_everybodys(working: Proxy) -> None:
    count = 'auth_attempts_total{method="scram-sha-256",outcome="ok"}'
    before = metric(working, count)
    with ExitStack() as stack:
        connected_to(working, 1, stack)
        connected_to(working, 2, stack)
        assert metric(working, "client_connections") == 2
        assert metric(working, count) >= before + 2
    assert metric(working, "workers") == 2
    assert metric(working, "event_loop_lag_seconds_count") > 0
    assert 'pgmaskproxy_policy_info{version="' in health(working, "/metrics")[1]
    assert health(working, "/readyz")[0] == 200
    assert metric(working, "canaries_watched") == 0
    quiet(working)
