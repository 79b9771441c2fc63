"""One shop for all tests that leave it as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.harness import servers


@pytest.fixture(scope="session")
def shop(pg18: EmbeddedServer) -> Iterator[servers.Database]:
    """Read only: a test that changes something takes `shop18`."""
    with servers.fresh_shop(pg18) as database:
        yield database
