"""Running proxies. At the end of each test, every byte that was sent to a client is searched for every secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy


@pytest.fixture
def proxy(shop_database: servers.Database, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy of the test's own, before a fresh shop, on every supported server in turn."""
    with proxies.in_process(shop_database, tmp_path) as running:
        yield running
        running.check_bytes()


@pytest.fixture
def proxy18(shop18: servers.Database, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy of the test's own, before a fresh shop, on PostgreSQL 18."""
    with proxies.in_process(shop18, tmp_path) as running:
        yield running
        running.check_bytes()


@pytest.fixture
def served(shop18: servers.Database, tmp_path: Path) -> Iterator[Proxy]:
    """`pgmaskproxy serve` as a process, on PostgreSQL 18: for signals, kills and its exit code."""
    with proxies.as_process(shop18, tmp_path) as running:
        yield running
        running.check_bytes()


@contextmanager
def _standing_on(server: EmbeddedServer, directory: Path) -> Iterator[Proxy]:
    with servers.fresh_shop(server) as database, proxies.in_process(database, directory) as running:
        yield running


@pytest.fixture(scope="session")
def _standing(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with _standing_on(server, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture(scope="session")
def _standing18(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with _standing_on(pg18, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@contextmanager
def _scanned(proxy: Proxy) -> Iterator[Proxy]:
    proxy.tap.clear()
    seen = len(proxy.audit_records())
    yield proxy
    # Only what this test added: the log grows, and the search would take longer with every test.
    for place, data in (("the client", proxy.tap.to_client), ("the audit log", proxy.audit_records()[seen:])):
        found = shop.leaks(data, proxy.secrets)
        assert not found, f"in what went to {place}: {found[:20]}"


@pytest.fixture
def shared_proxy(_standing: Proxy) -> Iterator[Proxy]:
    """One proxy for all tests that others do not notice, on every supported server in turn."""
    with _scanned(_standing) as running:
        yield running


@pytest.fixture
def shared_proxy18(_standing18: Proxy) -> Iterator[Proxy]:
    """The same on PostgreSQL 18 only, for what has nothing to do with the server."""
    with _scanned(_standing18) as running:
        yield running
