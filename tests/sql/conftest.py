"""A thread deep enough for the grammar, and the corpus schema's catalog as read from real servers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.grammar import STACK_BYTES

T = TypeVar("T")

SNAPSHOTS = Path(__file__).parent / "snapshots"
FIXTURES = Path(__file__).parent / "fixtures"
SEARCH_PATH = ("pg_catalog", "public")


def deep(call: Callable[[], T]) -> T:
    """Run `call` on a thread with the stack that the grammar needs."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again below, on the caller's thread
            errors.append(error)

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The corpus schema on PostgreSQL 15."""
    return Catalog.from_json((SNAPSHOTS / "corpus15.jsonl").read_text())


@pytest.fixture(scope="session")
def catalog18() -> Catalog:
    """The corpus schema on PostgreSQL 18."""
    return Catalog.from_json((SNAPSHOTS / "corpus18.jsonl").read_text())
