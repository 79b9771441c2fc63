"""The tables: the migrations make exactly what the code means, on nothing and on what is there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import alembic.autogenerate
import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import pytest
from sqlalchemy import create_engine

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.store.protocol import Filter
from pgmaskproxy.store.schema import METADATA, NEWEST
from pgmaskproxy.store.sqlite import SqliteStore
from tests.approval.making import make_request


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state.db"


async def test_the_migrations_make_the_tables_that_the_code_means(url: str) -> None:
    store = await SqliteStore.open(url)
    with store._engine.begin() as connection:
        context = alembic.migration.MigrationContext.configure(connection)
        assert alembic.autogenerate.compare_metadata(context, METADATA) == []
        config = alembic.config.Config()
        config.set_main_option("script_location", "pgmaskproxy.store:migrations")
        newest = alembic.script.ScriptDirectory.from_config(config).get_heads()
        assert [context.get_current_revision()] == newest == [NEWEST], "one line of steps, all of it taken"
    await store.close()


async def test_opening_an_existing_state_keeps_it_and_a_newer_one_is_refused(url: str, tmp_path: Path) -> None:
    for number in range(3):
        store = await SqliteStore.open(url)
        assert len((await store.list(Filter(), 10)).requests) == number
        await store.insert(make_request(number), "w1", [], lambda: None)
        await store.close()
    with sqlite3.connect(tmp_path / "state.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(ConfigError, match="newer version"):
        await SqliteStore.open(url)


def test_the_first_migration_can_be_undone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/x.db")
    with engine.begin() as connection:
        config = alembic.config.Config()
        config.set_main_option("script_location", "pgmaskproxy.store:migrations")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
        alembic.command.downgrade(config, "base")
        left = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    engine.dispose()
    assert left == ["alembic_version"]
