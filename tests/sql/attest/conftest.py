"""A database with the corpus schema and more, on every supported server in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.sql.attest.server import Trees, create, session


@pytest.fixture(scope="session")
def attested(server: EmbeddedServer) -> EmbeddedServer:
    """A server that has the database."""
    create(server)
    return server


@pytest.fixture
def trees(attested: EmbeddedServer) -> Iterator[Trees]:
    """A session there that gets trees."""
    with session(attested) as found:
        yield found
