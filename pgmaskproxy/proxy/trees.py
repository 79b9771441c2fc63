"""Whether the server gives its tree: by asking for it as a session does (DESIGN decision 3a)."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from pgmaskproxy.proxy.upstream import TREES
from pgmaskproxy.sql.attest.notice import is_tree

ASKED: Final = "SELECT 1"


async def why_no_tree(conninfo: str) -> str:
    """Open a session with the start-up parameters of the proxy's own; '' when a statement's tree arrives, else why not.

    `conninfo` is known to be right: what fails here is due to the parameters, as a pooler refuses them. Raises
    nothing of psycopg's.
    """
    options = " ".join(f"-c {name}={value}" for name, value in TREES)
    found: list[bool] = []

    def notice(said: psycopg.errors.Diagnostic) -> None:
        fields = {
            b"V": said.severity_nonlocalized,
            b"M": said.message_primary,
            b"F": said.source_file,
            b"R": said.source_function,
        }
        found.append(is_tree({name: (value or "").encode() for name, value in fields.items()}))

    try:
        connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
            make_conninfo(conninfo, options=options), autocommit=True
        )
    except psycopg.Error as error:
        return f"the start-up parameters are refused: {str(error).strip()}"
    try:
        async with connection:
            connection.add_notice_handler(notice)
            await connection.execute(ASKED)
    except psycopg.Error as error:
        return f"a statement fails under them: {str(error).strip()}"
    return "" if any(found) else "the parameters are taken, and no tree arrives"
