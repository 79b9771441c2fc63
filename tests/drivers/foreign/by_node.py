"""The drivers of JavaScript: node-postgres and postgres.js."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import final

from tests.drivers.driver import TEXT
from tests.drivers.foreign import building
from tests.drivers.foreign.by_program import NO_PARAMETERS, SIMPLE, ForeignDriver, as_url, secured
from tests.drivers.foreign.program import Program


class Node(ForeignDriver):
    """What npm brings, in the versions of package-lock.json."""

    package: str
    script: str

    @property
    def version(self) -> str:
        manifest = json.loads((building.SOURCES / "node" / "package.json").read_text(encoding="utf-8"))
        return str(manifest["dependencies"][self.package])

    def start(self) -> Program:
        npm, node = building.tool("npm"), building.tool("node")
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        place = building.built("node", lambda making: building.run(command, making, fetches=True))
        return Program([node, place / self.script], {})

    def url(self, conninfo: str, mode: str) -> str:
        return as_url(conninfo, secured(conninfo))


class NodePostgres(Node):
    """node-postgres by the extended protocol."""

    name = "node-postgres"
    package = "pg"
    script = "pg.js"
    mode = "text"
    forms: Mapping[str, str] = {TEXT: "text"}
    lacks: Mapping[str, str] = {"binary": "it reads binary results as if they were UTF-8, directly too"}


@final
class NodePostgresSimple(NodePostgres):
    """node-postgres as it is used without parameters."""

    name = "node-postgres, simple queries"
    mode = SIMPLE
    forms: Mapping[str, str] = {TEXT: SIMPLE}
    lacks: Mapping[str, str] = {
        **NodePostgres.lacks,
        **NO_PARAMETERS,
        "stream": "a cursor of its is the extended protocol's",
    }


class PostgresJs(Node):
    """postgres.js by the extended protocol."""

    name = "postgres.js"
    package = "postgres"
    script = "postgres.js"
    mode = "text"
    forms: Mapping[str, str] = {TEXT: "text"}
    savepoints_by_hand = False
    lacks: Mapping[str, str] = {
        "binary": "it reads results in text format only",
        "copy_in": "where COPY FROM STDIN fails, its stream does not end, directly too",
    }


@final
class PostgresJsSimple(PostgresJs):
    """postgres.js with `.simple()`."""

    name = "postgres.js, simple queries"
    mode = SIMPLE
    forms: Mapping[str, str] = {TEXT: SIMPLE}
    lacks: Mapping[str, str] = {
        **PostgresJs.lacks,
        **NO_PARAMETERS,
        "stream": "a cursor of its is the extended protocol's",
    }
