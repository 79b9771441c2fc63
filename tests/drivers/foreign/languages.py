"""The drivers of other languages: how each is built, started and told where to connect, and what it cannot do."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from psycopg.conninfo import conninfo_to_dict

from tests.drivers.driver import BINARY, TEXT, Failed
from tests.drivers.foreign import building
from tests.drivers.foreign.by_program import ForeignDriver, as_url, secured, with_question_marks
from tests.drivers.foreign.program import Program

SIMPLE: Final = "simple"
EXTENDED_CURSOR: Final = "its cursors are the extended protocol's"
NO_PARAMETERS: Final = {
    "parameters": "the simple protocol has no parameters",
    "prepared": "the simple protocol has no prepared statements",
    "batch": "the simple protocol has no parameters",
}


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


class Jdbc(ForeignDriver):
    """Debian's pgjdbc as it comes: text first, binary results and a named statement from the fifth execution on."""

    name = "JDBC"
    mode = "default"
    forms: Mapping[str, str] = {TEXT: "text", BINARY: "binary"}
    savepoints_by_hand = False

    JAR: Final = Path("/usr/share/java/postgresql.jar")
    OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
        "default": {},
        "text": {"binaryTransfer": "false"},
        "binary": {"prepareThreshold": "-1"},
        SIMPLE: {"preferQueryMode": SIMPLE},
        "autosave": {"autosave": "always"},
        "rewriting": {"reWriteBatchedInserts": "true"},
        "set up": {
            "options": "-c statement_timeout=200 -c pgmaskproxy.reason=INC-4711",
            "currentSchema": "shop",
            "ApplicationName": "a report",
            "readOnly": "true",
        },
    }

    @property
    def version(self) -> str:
        if not self.JAR.exists():
            return ""
        with zipfile.ZipFile(self.JAR) as jar:
            manifest = jar.read("META-INF/MANIFEST.MF").decode()
        return next(line.split(": ")[1] for line in manifest.splitlines() if line.startswith("Implementation-Version"))

    def start(self) -> Program:
        java, javac = building.tool("java", self.JAR), building.tool("javac")
        compiling = [javac, "-Xlint:all", "-Werror", "-cp", str(self.JAR), "Driver.java"]
        place = building.built("jdbc", lambda making: building.run(compiling, making))
        return Program([java, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", f"{self.JAR}:{place}", "Driver"], {})

    def url(self, conninfo: str, mode: str) -> str:
        known = conninfo_to_dict(conninfo)
        login = {"user": str(known["user"]), "password": str(known["password"])}
        return "jdbc:" + as_url(conninfo, {**secured(conninfo), **login, **self.OPTIONS[mode]}, login=False)

    def worded(self, statement: str) -> str:
        return with_question_marks(statement)


@final
class JdbcSimple(Jdbc):
    """pgjdbc with `preferQueryMode=simple`: it writes parameters into the text."""

    name = "JDBC, simple queries"
    mode = SIMPLE
    forms: Mapping[str, str] = {TEXT: SIMPLE}
    lacks: Mapping[str, str] = {
        "binary": "the simple protocol has text results only",
        "stream": "its cursors are the extended protocol's",
    }


class Odbc(ForeignDriver):
    """Debian's psqlODBC by unixODBC, with statements that the server prepares.

    `Protocol=7.4-0` has it leave a transaction that an error has ended as it is; -2, which is the default, is tried by
    test_foreign_odbc.py.
    """

    name = "psqlODBC"
    mode = "UseServerSidePrepare=1;Protocol=7.4-0"
    forms: Mapping[str, str] = {TEXT: mode}
    cursor_mode = "UseDeclareFetch=1;Fetch=7"
    lacks: Mapping[str, str] = {
        "binary": "it reads results in text format only",
        "copy_out": "ODBC has no COPY",
        "copy_in": "ODBC has no COPY",
        "refusal": "it shows no HINT",
    }

    HEADER: Final = Path("/usr/include/sql.h")
    DRIVER: Final = next(Path("/usr/lib").glob("*/odbc/psqlodbcw.so"), Path("/usr/lib/odbc/psqlodbcw.so"))

    @property
    def version(self) -> str:
        asked = ["dpkg-query", "-W", "-f", "${Version}", "odbc-postgresql"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        return re.sub(r"^\d+:|-.*$", "", told)

    def start(self) -> Program:
        cc = building.tool("cc", self.HEADER, self.DRIVER)
        command = [
            cc,
            "-D_GNU_SOURCE",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            "driver",
            "driver.c",
            "-lodbc",
            "-pthread",
        ]
        place = building.built("odbc", lambda making: building.run(command, making))
        return Program([place / "driver"], {})

    def url(self, conninfo: str, mode: str) -> str:
        known = conninfo_to_dict(conninfo)
        secure = secured(conninfo)
        # What it has no word of its own for goes to its libpq.
        libpq = " ".join(f"{name}={said}" for name, said in secure.items() if name != "sslmode")
        return (
            f"Driver={self.DRIVER};Server={known['host']};Port={known['port']};Database={known['dbname']}"
            f";Uid={known['user']};Pwd={{{known['password']}}};SSLmode={secure['sslmode']};pqopt={{{libpq}}};{mode}"
        )

    def value(self, given: object) -> str | None:
        # ODBC has no arrays: the server's own notation.
        return super().value("{" + ",".join(map(str, given)) + "}" if isinstance(given, list) else given)

    def understood(self, error: Failed) -> Failed:
        """What it shows of an error is one text."""
        told = re.sub(r";\nError while .*$", "", error.message).removeprefix("ERROR: ")
        message, _, detail = told.partition("\nDETAIL: ")
        return Failed(error.sqlstate, message, detail=detail or None)

    def worded(self, statement: str) -> str:
        return with_question_marks(statement)


@final
class OdbcSimple(Odbc):
    """psqlODBC that writes parameters into the text."""

    name = "psqlODBC, simple queries"
    mode = "UseServerSidePrepare=0;Protocol=7.4-0"
    forms: Mapping[str, str] = {TEXT: mode}


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
            building.run([go, "mod", "download"], making, fetches=True, GOTOOLCHAIN="local")
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
    lacks: Mapping[str, str] = {**Pgx.lacks, "binary": "the simple protocol has text results only"}


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
    lacks: Mapping[str, str] = {**NO_PARAMETERS, "binary": "the simple protocol has text results only"}


FOR_CI: Final = (NodePostgres, PostgresJs, Jdbc, Odbc)
FOR_CONFORMANCE: Final = (
    NodePostgresSimple,
    PostgresJsSimple,
    JdbcSimple,
    OdbcSimple,
    Pgx,
    PgxSimple,
    LibPq,
    TokioPostgres,
    TokioPostgresSimple,
)
