"""What a store is: the one there is keeps to it, name by name."""

from __future__ import annotations

import inspect

import pytest

from pgmaskproxy.store.protocol import Store
from pgmaskproxy.store.sqlite import SqliteStore

METHODS = [name for name, member in vars(Store).items() if inspect.iscoroutinefunction(member)]


@pytest.mark.parametrize("name", METHODS)
def test_sqlite_answers_as_agreed(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(SqliteStore, name))
    assert inspect.signature(getattr(SqliteStore, name)) == inspect.signature(getattr(Store, name))


def test_and_offers_nothing_that_another_store_would_not() -> None:
    public = {name for name, member in vars(SqliteStore).items() if callable(member) and not name.startswith("_")}
    assert public == set(METHODS)
