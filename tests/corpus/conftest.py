"""Servers with the twin databases, and proxies in front of them: one of each per version for all the tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.corpus.world import STRICTEST, World, create, proxied
from tests.harness.servers import DEBIAN_15


@pytest.fixture(scope="session", params=["pg18", "pg15"])
def twins(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server of the corpora's own: roles are a whole server's, and its logins need no password."""
    if request.param == "pg15" and not (DEBIAN_15 / "postgres").is_file():
        pytest.skip("Debian's postgresql-15 is not installed (apt-get install postgresql-15)")
    settings = {"max_connections": "100", "shared_buffers": "32MB", "autovacuum": "off"}
    if request.param == "pg15":
        settings["shared_preload_libraries"] = "pg_stat_statements"  # the wheel's 18 has no extensions
    bindir = DEBIAN_15 if request.param == "pg15" else None
    with EmbeddedServer(bindir, authentication="trust", settings=settings) as server:
        create(server)
        yield server


@pytest.fixture(scope="session")
def world(twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The strictest mode, as an operator should run it."""
    with proxied(twins, tmp_path_factory.mktemp("proxy"), STRICTEST) as running:
        yield running


@pytest.fixture(scope="session")
def privileged(twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same where the proxy may do anything upstream, as an operator should not run it."""
    with proxied(twins, tmp_path_factory.mktemp("privileged"), STRICTEST, twins.user) as running:
        yield running


@pytest.fixture(scope="session")
def unattested(twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """`attestation: off`: the text's lineage and the portal's description alone."""
    with proxied(twins, tmp_path_factory.mktemp("unattested"), "off") as running:
        yield running
