"""ODBC: Debian's psqlODBC."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, final

from psycopg.conninfo import conninfo_to_dict

from tests.drivers.driver import TEXT, Failed
from tests.drivers.foreign import building
from tests.drivers.foreign.by_program import ForeignDriver, secured, with_question_marks
from tests.drivers.foreign.program import Program


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
        if shutil.which(asked[0]) is None:
            return ""
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
