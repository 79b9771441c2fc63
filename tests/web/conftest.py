"""A stage and a client of its application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher

from pgmaskproxy.web.app import create_app
from tests.web.stage import Stage, staged


@pytest.fixture(autouse=True)
def _quick_decoys(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application begins by hashing a password of nobody's: as cheap as the people's of the stage."""
    quick = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("pgmaskproxy.web.identity.PasswordHasher", quick)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as found:
        yield found


@pytest.fixture
async def web(stage: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(create_app(stage.services), client=("192.0.2.1", 5))
    async with httpx2.AsyncClient(transport=transport, base_url="http://web.test") as client:
        yield client
