"""The drivers of other languages: which of them CI runs, and which only `make conformance`."""

from __future__ import annotations

from typing import Final

from tests.drivers.foreign.by_go import LibPq, Pgx, PgxSimple
from tests.drivers.foreign.by_jdbc import Jdbc, JdbcNewest, JdbcSimple
from tests.drivers.foreign.by_node import NodePostgres, NodePostgresSimple, PostgresJs, PostgresJsSimple
from tests.drivers.foreign.by_odbc import Odbc, OdbcSimple
from tests.drivers.foreign.by_rust import TokioPostgres, TokioPostgresSimple

FOR_CI: Final = (NodePostgres, PostgresJs, Jdbc, Odbc)
FOR_CONFORMANCE: Final = (
    NodePostgresSimple,
    PostgresJsSimple,
    JdbcSimple,
    JdbcNewest,
    OdbcSimple,
    Pgx,
    PgxSimple,
    LibPq,
    TokioPostgres,
    TokioPostgresSimple,
)
