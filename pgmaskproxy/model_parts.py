"""What a statement says besides its columns: settings, names, transaction control, and how COPY writes rows.

The part of `model`, by which everybody knows these nouns, that needs nothing else of it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

COPY_FROM: Final = "COPY FROM"
"""Where an input stands (`model.Input`) that is a field of each row: its number is the field's."""


class TransactionVerb(enum.StrEnum):
    """What a transaction statement does to the block."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    """SAVEPOINT, RELEASE and ROLLBACK TO: the block stays open."""
    PREPARED = "prepared"
    """PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED."""


class NameVerb(enum.StrEnum):
    """What a statement does in the session's one table of names."""

    PREPARE = "prepare"
    EXECUTE = "execute"
    DEALLOCATE = "deallocate"
    DECLARE = "declare"
    FETCH = "fetch"
    MOVE = "move"
    CLOSE = "close"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Setting:
    """A run-time setting a statement changes. `value` is None for RESET and DEFAULT, or when not a constant."""

    name: str
    value: str | None
    local: bool = False
    constant: bool = True


@dataclass(frozen=True, slots=True)
class NameUse:
    """A statement's place in the table of names; `name` None means ALL."""

    verb: NameVerb
    name: str | None
    holdable: bool = False
    binary: bool = False
    """DECLARE BINARY: a FETCH by the simple protocol brings its rows in binary format."""
    portals: bool = True
    statements: bool = True


@dataclass(frozen=True, slots=True)
class CopyLayout:
    """How COPY writes its rows, the defaults filled in (manual, "COPY", "File Formats")."""

    format: str = "text"
    """text, csv or binary; what follows means nothing in binary, and from `quote` on nothing but in csv."""
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool = False
    quote: str = '"'
    escape: str = '"'
    force_quote: frozenset[str] | None = frozenset()
    """Columns whose values are always quoted; None is all of them."""


@dataclass(frozen=True, slots=True)
class CopyShape:
    """A COPY that flows through the protocol."""

    to_stdout: bool
    probe: str
    """COPY TO: a SELECT with the same outputs, to be parsed under a reserved name and described."""
    columns: int
    layout: CopyLayout = CopyLayout()
    """Without a format where what comes FROM the client cannot be read by anybody but the server."""
    unsupported: str = ""
    """The option that cannot be carried, in words; '' when all can."""
