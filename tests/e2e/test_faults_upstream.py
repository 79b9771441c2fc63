"""The server dies in the middle of something: 08006 or its own 57P01, and never a part of a masked row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.wire.frontend import Bind, Execute, Flush, Parse, Query, Sync
from tests.e2e.commands import eventually, health
from tests.e2e.raw import Raw, logged_in, sqlstate
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy
from tests.harness.relay import Relay, relayed

ROWS: Final = b"SELECT id, ssn, notes, name FROM customers, generate_series(1, 400)"
COPY: Final = b"COPY (SELECT id, ssn, notes, name FROM customers, generate_series(1, 400)) TO STDOUT"
EXTENDED: Final = b"".join(
    message.encode() for message in (Parse(b"", ROWS), Bind(b"", b"", (), (), (0,)), Execute(b""), Sync())
)
PLACES: Final = 24


@pytest.fixture(scope="module")
def line(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Relay]]:
    """A proxy, and the line to its server."""
    with ExitStack() as stack:
        database = stack.enter_context(servers.fresh_shop(server))
        relay = stack.enter_context(relayed(server.host, server.port, marker=b"pgmaskproxy.session_id"))
        directory = tmp_path_factory.mktemp("line")
        overrides: dict[str, str | int | bool] = {"upstream.port": relay.port}
        yield stack.enter_context(proxies.in_process(database, directory, overrides=overrides)), relay


def lost(raw: Raw) -> tuple[list[int], tuple[str, str]]:
    """The types of what came before the error, and the error, which is the last that is said. All of it is whole."""
    *before, last = raw.until_closed()
    for frame in before:
        if frame.type in (ord("D"), ord("d")):
            assert b"***" in frame.body
    return [frame.type for frame in before], sqlstate(last)


ASKED: Final = {"query": Query(ROWS).encode(), "extended": EXTENDED, "copy": Query(COPY).encode()}


@pytest.mark.parametrize("way", ASKED)
def test_the_line_is_cut_within_masked_rows(line: tuple[Proxy, Relay], way: str) -> None:
    """Wherever in a row: the client has whole rows, all masked, and then the error."""
    proxy, relay = line
    counts = set()
    for place in range(PLACES):
        with logged_in(proxy.conninfo(port=proxy.port)) as raw:
            relay.cut_at(relay.passed[True] + 8000 + 3001 * place)
            raw.send(ASKED[way])
            before, error = lost(raw)
            relay.cut_at(None)
            assert error == ("FATAL", "08006")
            counts.add(before.count(ord("D")) + before.count(ord("d")))
    assert max(counts) > 0


@pytest.mark.parametrize("how", ["cut", "terminated"])
def test_in_a_transaction_and_while_held(line: tuple[Proxy, Relay], how: str) -> None:
    """What was not committed is gone, what was not agreed to has not run, and the client is told."""
    proxy, relay = line
    states = {
        "idle": b"",
        "in a transaction": Query(b"BEGIN; UPDATE products SET stock = -5 WHERE id = 1").encode(),
        "in a batch": Parse(b"", b"UPDATE products SET stock = -5 WHERE id = 1").encode()
        + Bind(b"", b"").encode()
        + Execute(b"").encode()
        + Flush().encode(),
        "held": Query(b"UPDATE products SET stock = -5").encode(),
        "held in a transaction": Query(b"BEGIN; UPDATE products SET stock = -5 WHERE id = 1").encode()
        + Query(b"DELETE FROM payments").encode(),
    }
    for state, sent in states.items():
        held = state.startswith("held")
        with (
            psycopg.connect(proxy.database.admin, autocommit=True) as admin,
            logged_in(proxy.conninfo(port=proxy.port)) as raw,
        ):
            raw.send(sent)
            while sent and (frame := raw.frame()) is not None:
                if frame.type == ord("N") or (not held and frame.type == ord("C") and b"UPDATE" in frame.body):
                    break
            if how == "cut":
                relay.reset()
            else:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND usename = 'pgmaskproxy'"
                )
            _, error = lost(raw)
            assert error == ("FATAL", "08006" if how == "cut" else "57P01"), state
            assert admin.execute("SELECT count(*) FROM shop.products WHERE stock = -5").fetchone() == (0,)
            assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)
    eventually(lambda: "pgmaskproxy_approvals_pending 0.0" in health(proxy, "/metrics")[1], "somebody is still asked")
