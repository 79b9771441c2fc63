"""Every task by drivers of other languages: some on one server each, with `make conformance` all on both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.drivers.bench import Bench
from tests.drivers.foreign.by_program import ForeignDriver
from tests.drivers.foreign.languages import FOR_CI, FOR_CONFORMANCE
from tests.drivers.matrix import Cell
from tests.drivers.tasks import TASKS
from tests.harness.proxy import Proxy

EVERYTHING = os.environ.get("CONFORMANCE") == "all"
DRIVERS = [*FOR_CI, *(FOR_CONFORMANCE if EVERYTHING else ())]


def _chosen() -> Iterator[tuple[str, type[ForeignDriver]]]:
    for position, driver in enumerate(DRIVERS):
        for server in ("15", "18") if EVERYTHING else (["15", "18"][position % 2],):
            yield server, driver


def _named(value: object) -> str | None:
    return value.name if isinstance(value, type) and issubclass(value, ForeignDriver) else None


@pytest.fixture(scope="module")
def driver(request: pytest.FixtureRequest) -> Iterator[ForeignDriver]:
    """One for all of its tasks: its programs are kept."""
    made: ForeignDriver = request.param()
    yield made
    made.stop()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("matrix_proxy", "driver"), list(_chosen()), indirect=["matrix_proxy", "driver"], ids=_named)
def test_a_driver_notices_nothing(
    matrix_proxy: Proxy, driver: ForeignDriver, task: str, record_property: Callable[[str, object], None]
) -> None:
    server = matrix_proxy.database.server.version.split(".")[0]
    lacks = driver.lacks.get(task, "")
    record_property("cell", Cell(driver.name, driver.version, task, server, lacks).said())
    if not lacks:
        TASKS[task](Bench(driver, matrix_proxy))
