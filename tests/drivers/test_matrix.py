"""Every task by every driver, on every server with `make conformance`, and on one of them for each driver otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.drivers.bench import Bench
from tests.drivers.by_asyncpg import Asyncpg
from tests.drivers.by_django import Django
from tests.drivers.by_pg8000 import Pg8000, Pg8000Native
from tests.drivers.by_psql import Psql
from tests.drivers.by_psycopg import Psycopg, PsycopgAsync, PsycopgPipeline
from tests.drivers.by_psycopg2 import Psycopg2
from tests.drivers.by_sqlalchemy import Sqlalchemy
from tests.drivers.driver import Driver
from tests.drivers.matrix import Cell
from tests.drivers.tasks import TASKS
from tests.harness.proxy import Proxy

DRIVERS: tuple[Driver, ...] = (
    Psycopg(),
    PsycopgPipeline(),
    PsycopgAsync(),
    Psycopg2(),
    Asyncpg(),
    Pg8000(),
    Pg8000Native(),
    *(Sqlalchemy(driver) for driver in ("psycopg", "asyncpg", "psycopg2", "pg8000")),
    Django(),
)
EVERYTHING = os.environ.get("CONFORMANCE") == "all"


def _chosen() -> Iterator[tuple[str, str]]:
    """(server, driver): psql comes with its server."""
    for position, name in enumerate(("psql", *(driver.name for driver in DRIVERS))):
        for server in ("15", "18") if EVERYTHING else (["15", "18"][position % 2],):
            yield server, name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("matrix_proxy", "driver"), list(_chosen()), indirect=["matrix_proxy"])
def test_a_driver_notices_nothing(
    matrix_proxy: Proxy, driver: str, task: str, record_property: Callable[[str, object], None]
) -> None:
    server: EmbeddedServer = matrix_proxy.database.server
    known = {each.name: each for each in (Psql(server.bindir / "psql"), *DRIVERS)}
    chosen = known[driver]
    lacks = chosen.lacks.get(task, "")
    record_property("cell", Cell(chosen.name, chosen.version, task, server.version.split(".")[0], lacks).said())
    if not lacks:
        TASKS[task](Bench(chosen, matrix_proxy))
