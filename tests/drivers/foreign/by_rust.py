"""The driver of Rust: tokio-postgres."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import final

from tests.drivers.driver import BINARY, TEXT
from tests.drivers.foreign import building
from tests.drivers.foreign.by_program import NO_PARAMETERS, SIMPLE, TEXT_ONLY, ForeignDriver, as_url, secured
from tests.drivers.foreign.program import Program


class TokioPostgres(ForeignDriver):
    """tokio-postgres as it comes, in the version of Cargo.toml: binary parameters and results."""

    name = "tokio-postgres"
    mode = "binary"
    forms: Mapping[str, str] = {TEXT: SIMPLE, BINARY: "binary"}
    savepoints_by_hand = False

    @property
    def version(self) -> str:
        manifest = (building.SOURCES / "rust" / "Cargo.toml").read_text(encoding="utf-8")
        found = re.search(r'^tokio-postgres = \{ version = "=([^"]+)"', manifest, re.MULTILINE)
        assert found is not None
        return found.group(1)

    def start(self) -> Program:
        cargo = building.tool("cargo")

        def build(making: Path) -> None:
            building.run([cargo, "fetch"], making, fetches=True)
            building.run([cargo, "build", "--offline"], making)

        return Program([building.built("rust", build) / "target" / "debug" / "drivers"], {})

    def url(self, conninfo: str, mode: str) -> str:
        return as_url(conninfo, secured(conninfo))


@final
class TokioPostgresSimple(TokioPostgres):
    """tokio-postgres by simple_query."""

    name = "tokio-postgres, simple queries"
    mode = SIMPLE
    forms: Mapping[str, str] = {TEXT: SIMPLE}
    lacks: Mapping[str, str] = {**NO_PARAMETERS, "binary": TEXT_ONLY}
