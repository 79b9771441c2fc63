"""What an error or a notice may say when the statement touches labelled columns (DESIGN decision 8).

PostgreSQL's errors quote rows (`DETAIL: Failing row contains (...)`), keys and input values, and RAISE can put any
value into any field, so such an error is rebuilt from what names no value: its SQLSTATE, and a message only where
`messages` has reviewed it. Notices are dropped unless reviewed in the same way.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.session.messages import reviewed
from pgmaskproxy.wire.sqlstate import condition

OBJECT_FIELDS: Final = (b"s", b"t", b"c", b"d", b"n")
"""Schema, table, column, data type and constraint name: from the catalog, unless RAISE put something else there."""
SOURCE_FIELDS: Final = (b"F", b"L", b"R")

OBJECT_FILES: Final = frozenset(
    {
        b"domains.c",
        b"execExprInterp.c",
        b"execIndexing.c",
        b"execMain.c",
        b"execPartition.c",
        b"heap.c",
        b"index.c",
        b"nbtinsert.c",
        b"partbounds.c",
        b"ri_triggers.c",
        b"tablecmds.c",
        b"tuplesort.c",
        b"tuplesortvariants.c",
        b"typecmds.c",
    }
)
"""The server's source files that fill those fields, always with names out of the catalog (errtable, errtablecol,
errtableconstraint, errdatatype)."""

LEVELS: Final = {**{f"debug{n}": 0 for n in range(1, 6)}, "debug": 0, "log": 1, "notice": 2, "warning": 3, "error": 4}
"""client_min_messages, as the manual orders it for clients."""

WITHHELD: Final = b"The server's own text is withheld: it could quote a masked column's values."
REST_WITHHELD: Final = b"The rest of the server's text is withheld: it could quote a masked column's values."

_SEVERITIES: Final = {b"DEBUG": 0, b"LOG": 1, b"INFO": 9, b"NOTICE": 2, b"WARNING": 3}
_LEVEL_NAMES: Final = frozenset({b"ERROR", b"FATAL", b"PANIC", b"WARNING", b"NOTICE", b"INFO", b"DEBUG", b"LOG"})
_TEXTS: Final = (b"D", b"H", b"W", b"q")


def rebuilt(fields: dict[bytes, bytes], sql: str = "") -> dict[bytes, bytes]:
    """An error's fields without anything that can quote a value. `sql` is the client's own text, if any."""
    state = fields.get(b"C", b"XX000")
    message = reviewed(fields, sql)
    severity = fields.get(b"V", b"ERROR")
    severity = severity if severity in _LEVEL_NAMES else b"ERROR"
    kept = {b"S": severity, b"V": severity, b"C": state}
    if message is None:
        name = condition(state.decode("ascii", errors="replace")).replace("_", " ")
        kept |= {b"M": name.encode(), b"D": WITHHELD}
    else:
        kept[b"M"] = message
        if message != fields.get(b"M") or any(code in fields for code in _TEXTS):
            kept[b"D"] = REST_WITHHELD
        kept |= {code: fields[code] for code in SOURCE_FIELDS if code in fields}
    if fields.get(b"F") in OBJECT_FILES:
        kept |= {code: fields[code] for code in OBJECT_FIELDS if code in fields}
    return kept


def reduced(fields: dict[bytes, bytes], sql: str = "") -> dict[bytes, bytes] | None:
    """What of a notice may be said where an error would be rebuilt; None when nothing."""
    message = reviewed(fields, sql)
    if message is None:
        return None
    kept: dict[bytes, bytes] = {code: fields[code] for code in (b"S", b"V", b"C") if code in fields}
    return {**kept, b"M": message, **{code: fields[code] for code in SOURCE_FIELDS if code in fields}}


def shifted(fields: dict[bytes, bytes], offset: int) -> dict[bytes, bytes]:
    """The error with its position in the text the client sent, in characters."""
    position = fields.get(b"P", b"")
    if not offset or not position.isdigit():
        return fields
    return {**fields, b"P": str(int(position) + offset).encode()}


def passes(fields: dict[bytes, bytes], min_messages: str) -> bool:
    """Whether a notice is one the client asked for by its own client_min_messages; INFO always is."""
    return _SEVERITIES.get(fields.get(b"V", b"NOTICE"), 2) >= LEVELS.get(min_messages, 2)
