"""A proxy for the whole matrix before each server; after each task, what drivers were sent is searched for secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer
from tests.drivers import reading
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

MATRIX = "DRIVER_MATRIX"
"""Names a file to which the outcome of every cell is added, a JSON object to a line."""


@contextmanager
def _standing_on(server: EmbeddedServer, directory: Path) -> Iterator[Proxy]:
    with servers.fresh_shop(server) as database:
        with psycopg.connect(database.admin) as admin:
            admin.execute(reading.PREPARATION)
        with proxies.in_process(database, directory) as running:
            yield running


@pytest.fixture(scope="session")
def standing18(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that lasts, before PostgreSQL 18."""
    with _standing_on(pg18, tmp_path_factory.mktemp("proxy18")) as running:
        yield running


@pytest.fixture(scope="session")
def standing15(pg15: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that lasts, before Debian's PostgreSQL 15."""
    with _standing_on(pg15, tmp_path_factory.mktemp("proxy15")) as running:
        yield running


@pytest.fixture
def matrix_proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """The proxy before the server that the test's parameter names: `15` or `18`. Scanned at the test's end."""
    proxy = request.getfixturevalue(f"standing{request.param}")
    assert isinstance(proxy, Proxy)
    proxy.tap.clear()
    yield proxy
    found = shop.leaks(proxy.tap.to_client, proxy.secrets)
    assert not found, f"sent to the driver: {found[:20]}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a finished test's cells to the file that DRIVER_MATRIX names."""
    target = os.environ.get(MATRIX)
    if target is None or (report.when != "call" and not (report.when == "setup" and report.skipped)):
        return
    with Path(target).open("a", encoding="utf-8") as file:
        for name, said in report.user_properties:
            if name == "cell":
                file.write(json.dumps({"cell": json.loads(str(said)), "outcome": report.outcome}) + "\n")
