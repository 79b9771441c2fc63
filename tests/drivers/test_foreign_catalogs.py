"""What JDBC and ODBC read from the catalogs, for whoever shows tables to people: the same as directly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from tests.drivers.bench import Bench
from tests.drivers.foreign.by_jdbc import Jdbc
from tests.drivers.foreign.by_odbc import Odbc
from tests.drivers.foreign.by_program import ForeignDriver, ForeignSession
from tests.drivers.matrix import Cell
from tests.harness.proxy import Proxy

EVERYTHING: Final = os.environ.get("CONFORMANCE") == "all"
OF_A_SCHEMA: Final = ("tables", "functions", "functionColumns", "types")
OF_A_TABLE: Final = ("columns", "primaryKeys", "importedKeys", "exportedKeys", "indexes", "bestRow", "privileges")
KINDS: Final[Mapping[type[ForeignDriver], Sequence[str]]] = {
    Jdbc: ("schemas", "catalogs", *OF_A_SCHEMA, "udts", "clientInfo", *OF_A_TABLE, "columnPrivileges"),
    Odbc: (*OF_A_SCHEMA, *OF_A_TABLE),
}
TABLES: Final = ("customers", "orders", "payments", "customer_contacts") if EVERYTHING else ("customers", "orders")
SERVERS: Final = ["15", "18"] if EVERYTHING else ["18"]


@pytest.fixture(params=KINDS, ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Iterator[ForeignDriver]:
    made: ForeignDriver = request.param()
    yield made
    made.stop()


@pytest.mark.parametrize("matrix_proxy", SERVERS, indirect=True)
def test_they_read_what_they_read_directly(
    matrix_proxy: Proxy, driver: ForeignDriver, record_property: Callable[[str, object], None]
) -> None:
    server = matrix_proxy.database.server.version.split(".")[0]
    does = "its catalog functions (tables, columns, keys, indexes, privileges, functions, types)"
    record_property("cell", Cell(driver.name, driver.version, does, server).said())
    bench = Bench(driver, matrix_proxy)
    empty = set()
    with bench.through() as session, bench.direct() as direct:
        for kind in KINDS[type(driver)]:
            rows = 0
            for table in TABLES if kind in (*OF_A_TABLE, "columnPrivileges") else ("",):
                found, truth = (_asked(each, kind, table) for each in (session, direct))
                assert found == truth, (kind, table)
                rows += len(truth["rows"])
            if not rows:
                empty.add(kind)
    assert empty <= {"udts", "bestRow", "privileges"}, "nothing was compared"


def _asked(session: Any, kind: str, table: str) -> dict[str, Any]:
    assert isinstance(session, ForeignSession)
    return session.call("metadata", kind, "shop", table)
