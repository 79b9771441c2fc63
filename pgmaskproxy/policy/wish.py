"""`pgmaskproxy.unmask`: the columns that a client asks to see as they are, as the setting's value names them.

`customers.ssn, "Odd Schema".orders.card`: each as SQL would write it, with or without its schema. What they are of is
up to the statement that runs next (see `unmasking`).
"""

from __future__ import annotations

import re
from typing import Final

from pgmaskproxy.model import ColumnRef

UNMASK: Final = "pgmaskproxy.unmask"
MOST: Final = 8
"""Columns in one wish: whoever is asked reads every name of them."""
LONGEST: Final = 63
"""Bytes of a name (NAMEDATALEN - 1): a longer one is none of the catalog's."""

LONGEST_WISH: Final = 2000
"""Characters of all of it."""

_PART: Final = re.compile(r'\s*(?:"((?:[^"\x00]|"")+)"|([^\W\d][\w$]*))\s*')
"""An identifier (manual, 4.1.1), quoted or not; an unquoted one is folded to lower case, as the server does it."""


def wished(text: str) -> tuple[ColumnRef, ...] | None:
    """The columns that `text` names, each once and in order, with schema '' where none is said; None for anything
    that is no list of names, or too long. Nothing but white space is an empty list: nothing is asked for."""
    if not text.strip():
        return ()
    if len(text) > LONGEST_WISH:
        return None
    found: dict[ColumnRef, None] = {}
    position = 0
    while True:
        parts: list[str] = []
        while True:
            match = _PART.match(text, position)
            if match is None:
                return None
            quoted = match[1]
            parts.append(quoted.replace('""', '"') if quoted is not None else _folded(match[2]))
            position = match.end()
            if text[position : position + 1] != ".":
                break
            position += 1
        if len(parts) not in {2, 3} or any(len(part.encode()) > LONGEST for part in parts):
            return None
        found[ColumnRef(*(["", *parts] if len(parts) == 2 else parts))] = None
        if position == len(text):
            return tuple(found) if len(found) <= MOST else None
        if text[position] != ",":
            return None
        position += 1


def _folded(name: str) -> str:
    """As downcase_identifier does in a UTF-8 database: letters of ASCII alone."""
    return "".join(char.lower() if char.isascii() else char for char in name)
