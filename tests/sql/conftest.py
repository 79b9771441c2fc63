"""A thread deep enough for the grammar, and the corpus schema's catalog as read from real servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pgmaskproxy.build_info import compiled
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.sql.catalog import Catalog

T = TypeVar("T")

interpreted = pytest.mark.skipif(compiled(), reason="what the test patches is compiled in")

SNAPSHOTS = Path(__file__).parent / "snapshots"
FIXTURES = Path(__file__).parent / "fixtures"
SEARCH_PATH = ("pg_catalog", "public")


_THREAD = DeepThread("tests-sql")
"""One for all: libpg_query takes a pthread key for every thread that it ever runs on, and there are 1,024."""


def deep(call: Callable[[], T]) -> T:
    """Run `call` on a thread with the stack that the grammar needs."""
    return _THREAD.call(call)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The corpus schema on PostgreSQL 15."""
    return Catalog.from_json((SNAPSHOTS / "corpus15.jsonl").read_text())


@pytest.fixture(scope="session")
def catalog18() -> Catalog:
    """The corpus schema on PostgreSQL 18."""
    return Catalog.from_json((SNAPSHOTS / "corpus18.jsonl").read_text())
