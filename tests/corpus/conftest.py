"""Servers with the twin databases, and proxies in front of them: one of each per version for all the tests here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer
from tests.corpus import shopping
from tests.corpus.play import setups
from tests.corpus.world import STRICTEST, World, create, proxied
from tests.harness.servers import DEBIAN_15


@pytest.fixture(scope="session", params=["pg18", "pg15"])
def twins(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server of the corpora's own: roles are a whole server's, and its logins need no password."""
    if request.param == "pg15" and not (DEBIAN_15 / "postgres").is_file():
        pytest.skip("Debian's postgresql-15 is not installed (apt-get install postgresql-15)")
    settings = {"max_connections": "100", "shared_buffers": "32MB", "autovacuum": "off"}
    if request.param == "pg15":
        settings["shared_preload_libraries"] = "pg_stat_statements"  # which the corpus has
    bindir = DEBIAN_15 if request.param == "pg15" else None
    with EmbeddedServer(bindir, authentication="trust", settings=settings) as server:
        create(server, setups())
        yield server


@pytest.fixture(scope="session")
def world(twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The strictest mode, as an operator should run it."""
    with proxied(twins, tmp_path_factory.mktemp("proxy"), STRICTEST) as running:
        yield running


@pytest.fixture(scope="session")
def privileged(twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same where the proxy may do anything upstream, as an operator should not run it."""
    with proxied(twins, tmp_path_factory.mktemp("privileged"), STRICTEST, role=twins.user) as running:
        yield running


@contextmanager
def _shopping(server: EmbeddedServer, directory: Path, mode: str) -> Iterator[World]:
    with proxied(
        server,
        directory,
        mode,
        role=shop.ROLE,
        databases=[shopping.SHOPPING],
        policy=shopping.POLICY,
        more="trust: {extensions: [citext, pg_trgm]}\n",
    ) as running:
        yield running


@pytest.fixture(scope="session")
def shop_and_warehouse(twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What ordinary work runs on, with the default policy."""
    shopping.create(twins)
    with _shopping(twins, tmp_path_factory.mktemp("shopping"), STRICTEST) as running:
        yield running


@pytest.fixture(scope="session")
def by_text_alone(
    shop_and_warehouse: World, twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The same with `attestation: off`: the text's lineage and the portal's description alone."""
    assert shop_and_warehouse.server is twins
    with _shopping(twins, tmp_path_factory.mktemp("unattested"), "off") as running:
        yield running
