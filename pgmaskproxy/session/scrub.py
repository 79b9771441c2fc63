"""What an error may say when the statement touches labelled columns (DESIGN decision 8).

PostgreSQL's errors quote rows (`DETAIL: Failing row contains (...)`), keys and input values, so such
an error is rebuilt from what names no value: its SQLSTATE and the objects involved. Notices are dropped.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.wire.sqlstate import condition

OBJECT_FIELDS: Final = (b"s", b"t", b"c", b"d", b"n")
"""Schema, table, column, data type and constraint name: from the catalog, not from a row."""

LEVELS: Final = {**{f"debug{n}": 0 for n in range(1, 6)}, "debug": 0, "log": 1, "notice": 2, "warning": 3, "error": 4}
"""client_min_messages, as the manual orders it for clients."""

_SEVERITIES: Final = {b"DEBUG": 0, b"LOG": 1, b"INFO": 9, b"NOTICE": 2, b"WARNING": 3}


def rebuilt(fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """An error's fields without anything that can quote a value."""
    state = fields.get(b"C", b"XX000")
    name = condition(state.decode("ascii", errors="replace")).replace("_", " ")
    severity = fields.get(b"V", b"ERROR")
    kept = {
        b"S": severity,
        b"V": severity,
        b"C": state,
        b"M": name.encode(),
        b"D": b"The server's own text is withheld: it could quote a masked column's values.",
    }
    for code in OBJECT_FIELDS:
        if code in fields:
            kept[code] = fields[code]
    return kept


def shifted(fields: dict[bytes, bytes], offset: int) -> dict[bytes, bytes]:
    """The error with its position in the text the client sent, in characters."""
    position = fields.get(b"P", b"")
    if not offset or not position.isdigit():
        return fields
    return {**fields, b"P": str(int(position) + offset).encode()}


def passes(fields: dict[bytes, bytes], min_messages: str) -> bool:
    """Whether a notice is one the client asked for by its own client_min_messages; INFO always is."""
    return _SEVERITIES.get(fields.get(b"V", b"NOTICE"), 2) >= LEVELS.get(min_messages, 2)


def is_tree(fields: dict[bytes, bytes]) -> bool:
    """Whether this LOG notice is the server's own print of a tree (DESIGN 3a): RAISE LOG has other F and R."""
    return fields.get(b"F") == b"print.c" and fields.get(b"R") == b"elog_node_display"
