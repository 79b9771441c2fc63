"""TLS by the drivers of other languages: the server verified, both negotiations, bound channels, long cancel keys."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.drivers.bench import Aside, Bench
from tests.drivers.driver import Failed
from tests.drivers.foreign.by_go import LibPq, Pgx
from tests.drivers.foreign.by_jdbc import Jdbc, JdbcNewest
from tests.drivers.foreign.by_node import NodePostgres, PostgresJs
from tests.drivers.foreign.by_odbc import Odbc
from tests.drivers.foreign.by_program import ForeignDriver
from tests.drivers.matrix import Cell
from tests.drivers.reading import FOREVER
from tests.e2e.certified import PASSWORD, Certified
from tests.harness import proxy as proxies
from tests.harness.certificates import Authority
from tests.harness.servers import fresh_shop

EVERYTHING: Final = os.environ.get("CONFORMANCE") == "all"
PLAIN: Final[Mapping[str, str]] = {}
DIRECT: Final = {"sslnegotiation": "direct"}
BOUND: Final = {"channel_binding": "require"}
NEW: Final = {"min_protocol_version": "3.2", "max_protocol_version": "3.2"}
MODERN: Final = (PLAIN, DIRECT, BOUND, NEW)
WAYS: Final[Mapping[type[ForeignDriver], tuple[Mapping[str, str], ...]]] = {
    NodePostgres: (PLAIN, DIRECT, BOUND),
    PostgresJs: (PLAIN, DIRECT),
    Jdbc: (PLAIN,),
    Odbc: (PLAIN, BOUND),
    **({Pgx: MODERN, LibPq: (PLAIN, NEW), JdbcNewest: MODERN} if EVERYTHING else {}),
}
"""What each has of it, by libpq's names. lib/pq's direct negotiation is none that PostgreSQL takes: without ALPN."""
BINDERS: Final = (JdbcNewest, Odbc, Pgx)
"""Who binds the channel wherever that is possible."""


@pytest.fixture(scope="module")
def tls(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    certified = Certified(tmp_path_factory.mktemp("authority"))
    directory = tmp_path_factory.mktemp("tls")
    with (
        fresh_shop(pg18) as database,
        proxies.in_process(database, directory, overrides=certified.overrides()) as proxy,
    ):
        certified.proxy = proxy
        yield certified


@pytest.fixture(scope="module", params=WAYS, ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Iterator[ForeignDriver]:
    made: ForeignDriver = request.param()
    yield made
    made.stop()


def _conninfo(tls: Certified, **more: str) -> str:
    return tls.proxy.conninfo("agent", PASSWORD, host="localhost", port=tls.proxy.port, **more)


def _opened(tls: Certified) -> tuple[str, str]:
    records = [json.loads(line) for line in tls.proxy.audit_records().splitlines()]
    last = [each["data"] for each in records if each["kind"] == "session.opened"][-1]
    return last["tls"], last["authenticated_by"]


def test_the_server_is_verified_and_what_runs_is_cancelled(
    tls: Certified, driver: ForeignDriver, record_property: Callable[[str, object], None]
) -> None:
    for way in WAYS[type(driver)]:
        does = "TLS, the server verified, a cancel" + "".join(f", {name}={said}" for name, said in way.items())
        record_property("cell", Cell(driver.name, driver.version, does, "18").said())
        conninfo = _conninfo(tls, sslmode="verify-full", sslrootcert=str(tls.authority.root), **way)
        with driver.connect(conninfo) as session:
            version, method = _opened(tls)
            assert version == "TLSv1.3", way
            bound = way == BOUND or isinstance(driver, BINDERS)
            assert method == ("scram-sha-256-plus" if bound else "scram-sha-256"), way
            work = Aside(lambda session=session: session.query(FOREVER))  # type: ignore[misc]
            Bench(driver, tls.proxy).wait_until_active("generate_series")
            session.cancel()
            with pytest.raises(Failed) as raised:
                work.result()
            assert raised.value.sqlstate == "57014", way
            assert session.query("SELECT ssn, id FROM customers ORDER BY id LIMIT 1").rows == [("***", 1)]


def test_another_authority_s_server_is_none(
    tls: Certified, driver: ForeignDriver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Or the test above would prove nothing."""
    other = Authority(tmp_path_factory.mktemp("other"), "other")
    with pytest.raises(Failed):
        driver.connect(_conninfo(tls, sslmode="verify-full", sslrootcert=str(other.root)))


def test_a_login_without_tls_is_refused_with_what_to_do(tls: Certified, driver: ForeignDriver) -> None:
    with pytest.raises(Failed) as raised:
        driver.connect(_conninfo(tls, sslmode="disable"))
    assert "no login without encryption" in raised.value.message
