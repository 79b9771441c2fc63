"""One shop for all tests that leave it as it is."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy import logs
from pgmaskproxy.demo.server import EmbeddedServer
from tests.harness import servers
from tests.harness.servers import Database
from tests.proxy.stage import PERMISSIVE, Stage, staged


@pytest.fixture(scope="session")
def shop(pg18: EmbeddedServer) -> Iterator[servers.Database]:
    """Read only: a test that changes something takes `shop18`."""
    with servers.fresh_shop(pg18) as database:
        yield database


@pytest.fixture(autouse=True)
def log() -> io.StringIO:
    """What the proxy logs, as it would to the operator."""
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    return stream


@pytest.fixture
async def stage(shop: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(shop, tmp_path) as made:
        yield made


@pytest.fixture
async def copying(shop18: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    """Has a table to copy into."""
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"CREATE TABLE shop.copied (t text); GRANT ALL ON shop.copied TO {shop18.role}")
    async with staged(shop18, tmp_path, policy=PERMISSIVE) as made:
        yield made
