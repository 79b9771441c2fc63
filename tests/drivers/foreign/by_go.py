"""The drivers of Go: pgx and lib/pq."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import final

from tests.drivers.driver import BINARY, TEXT
from tests.drivers.foreign import building
from tests.drivers.foreign.by_program import SIMPLE, TEXT_ONLY, ForeignDriver, as_url, secured
from tests.drivers.foreign.program import Program


class Go(ForeignDriver):
    """What the Go module proxy brings, in the versions of go.mod."""

    module: str
    program_name: str

    @property
    def version(self) -> str:
        manifest = (building.SOURCES / "go" / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\t{re.escape(self.module)} v(\S+)$", manifest, re.MULTILINE)
        assert found is not None
        return found.group(1)

    def start(self) -> Program:
        go = building.tool("go")

        def build(making: Path) -> None:
            building.run([go, "mod", "tidy"], making, fetches=True, GOTOOLCHAIN="local")
            building.run([go, "build", "-mod=readonly", "-o", "bin/", "./..."], making, GOTOOLCHAIN="local")

        return Program([building.built("go", build) / "bin" / self.program_name], {})

    def url(self, conninfo: str, mode: str) -> str:
        return as_url(conninfo, secured(conninfo))


class Pgx(Go):
    """pgx v5 as it comes: described statements that are kept, binary parameters and results."""

    name = "pgx"
    module = "github.com/jackc/pgx/v5"
    program_name = "pgx"
    mode = "binary"
    forms: Mapping[str, str] = {TEXT: "text", BINARY: "binary"}
    savepoints_by_hand = False
    lacks: Mapping[str, str] = {"stream": "it has no server-side cursor"}


@final
class PgxSimple(Pgx):
    """pgx v5 with QueryExecModeSimpleProtocol: it writes parameters into the text."""

    name = "pgx, simple queries"
    mode = SIMPLE
    forms: Mapping[str, str] = {TEXT: SIMPLE}
    lacks: Mapping[str, str] = {**Pgx.lacks, "binary": TEXT_ONLY}


class LibPq(Go):
    """lib/pq by database/sql."""

    name = "lib/pq"
    module = "github.com/lib/pq"
    program_name = "pq"
    mode = "default"
    forms: Mapping[str, str] = {TEXT: "default", BINARY: "binary"}
    lacks: Mapping[str, str] = {
        "stream": "it has no server-side cursor",
        "batch": "it has no batch",
        "copy_out": "it has no COPY TO STDOUT",
    }

    def url(self, conninfo: str, mode: str) -> str:
        more = {"binary_parameters": "yes"} if mode == "binary" else {}
        return as_url(conninfo, {**secured(conninfo), **more})
