"""The drivers of Java: pgjdbc as Debian has it, and as Maven has it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from psycopg.conninfo import conninfo_to_dict

from tests.drivers.driver import BINARY, TEXT
from tests.drivers.foreign import building
from tests.drivers.foreign.by_program import (
    SIMPLE,
    TEXT_ONLY,
    ForeignDriver,
    as_url,
    secured,
    with_question_marks,
)
from tests.drivers.foreign.program import Program


class Jdbc(ForeignDriver):
    """Debian's pgjdbc as it comes: text first, binary results and a named statement from the fifth execution on."""

    name = "JDBC"
    mode = "default"
    forms: Mapping[str, str] = {TEXT: "text", BINARY: "binary"}
    savepoints_by_hand = False

    JAR: Final = Path("/usr/share/java/postgresql.jar")
    WORDS: Final[Mapping[str, str]] = {
        "sslnegotiation": "sslNegotiation",
        "channel_binding": "channelBinding",
        "max_protocol_version": "protocolVersion",
    }
    """Its own for libpq's."""
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

    def jar(self) -> Path:
        """The driver; the test is skipped where it is not."""
        building.tool("java", self.JAR)
        return self.JAR

    def start(self) -> Program:
        java, javac, jar = building.tool("java"), building.tool("javac"), self.jar()
        compiling = [javac, "-Xlint:all", "-Werror", "-cp", str(jar), "Driver.java"]
        place = building.built("jdbc", lambda making: building.run(compiling, making), variant=self.version)
        return Program([java, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", f"{jar}:{place}", "Driver"], {})

    def url(self, conninfo: str, mode: str) -> str:
        known = conninfo_to_dict(conninfo)
        login = {"user": str(known["user"]), "password": str(known["password"])}
        secure = {self.WORDS.get(name, name): said for name, said in secured(conninfo).items()}
        secure.pop("min_protocol_version", None)  # the version it is told is the one it asks for
        return "jdbc:" + as_url(conninfo, {**secure, **login, **self.OPTIONS[mode]}, login=False)

    def worded(self, statement: str) -> str:
        return with_question_marks(statement)


@final
class JdbcSimple(Jdbc):
    """pgjdbc with `preferQueryMode=simple`: it writes parameters into the text."""

    name = "JDBC, simple queries"
    mode = SIMPLE
    forms: Mapping[str, str] = {TEXT: SIMPLE}
    lacks: Mapping[str, str] = {
        "binary": TEXT_ONLY,
        "stream": "its cursors are the extended protocol's",
    }


@final
class JdbcNewest(Jdbc):
    """The pgjdbc that Maven brings, in a version of our choice: newer by years than Debian's."""

    name = "JDBC, newest"
    VERSION: Final = "42.7.14"

    @property
    def version(self) -> str:
        return self.VERSION

    def jar(self) -> Path:
        mvn = building.tool("mvn")
        artifact = f"org.postgresql:postgresql:{self.VERSION}"
        command = [mvn, "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", "-DoutputDirectory=."]
        fetched = building.built(
            "jdbc", lambda making: building.run(command, making, fetches=True), variant=f"{self.VERSION}-jar"
        )
        return fetched / f"postgresql-{self.VERSION}.jar"
