"""Fixtures for every test that needs a real PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.harness import servers

# A test asserts what happens, never how long it takes: a crowded machine is no failure. On CI, hypothesis has a profile
# of its own that says the same and draws the same examples every time.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
if "CI" not in os.environ:
    hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def pg18() -> Iterator[EmbeddedServer]:
    """The wheel's PostgreSQL 18: never skipped."""
    server = servers.start(None)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def pg15() -> Iterator[EmbeddedServer]:
    """Debian's PostgreSQL 15, where it is installed."""
    if not (servers.DEBIAN_15 / "postgres").is_file():
        pytest.skip("Debian's postgresql-15 is not installed (apt-get install postgresql-15)")
    server = servers.start(servers.DEBIAN_15)
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["pg18", "pg15"])
def server(request: pytest.FixtureRequest) -> EmbeddedServer:
    """Every supported server in turn."""
    started = request.getfixturevalue(request.param)
    assert isinstance(started, EmbeddedServer)
    return started


@pytest.fixture
def shop_database(server: EmbeddedServer) -> Iterator[servers.Database]:
    """A fresh database with the shop, on every supported server in turn."""
    with servers.fresh_shop(server) as database:
        yield database


@pytest.fixture
def shop18(pg18: EmbeddedServer) -> Iterator[servers.Database]:
    """A fresh database with the shop on PostgreSQL 18 only."""
    with servers.fresh_shop(pg18) as database:
        yield database
