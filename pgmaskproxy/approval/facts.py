"""What is kept of a held statement for the eyes of people, beside the statement itself, by who read it.

None of it is bound by the digest, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import Analysis, ColumnLabels, ColumnRef, Columns, Constant, Effect, RelationRef, Use

_SAID: Final = {
    Use.WRITTEN: "written",
    Use.WRITE: "copied",
    Use.JOIN: "joined on",
    Use.NULL_TEST: "tested for NULL",
    Use.COUNT: "counted",
}
_BEYOND_COLUMNS: Final = frozenset({Effect.DDL, Effect.PRIVILEGE, Effect.ADMIN, Effect.ROUTINE, Effect.UNKNOWN})
"""Effects that concern a relation's columns whether the statement names them or not: ALTER TABLE, GRANT, TRUNCATE."""
_WHOLE_ROW: Final = frozenset({"", "*"})


@dataclass(frozen=True, slots=True)
class TouchedColumn:
    """A labelled column that the statement touches."""

    name: str
    """`schema.table.column`."""
    labels: tuple[str, ...]
    """Sorted."""
    uses: tuple[str, ...]
    """In words: `returned`, `written`, `used in WHERE`; `perhaps used` where that could not be told."""


@dataclass(frozen=True, slots=True)
class Facts:
    """In words and names; raw text of the client's, to be made visible before anybody sees it."""

    application: str = ""
    """`application_name` at login: the client's own word."""
    does: tuple[str, ...] = ()
    """What the statement does, worst first."""
    text: str = ""
    """The statement fit for a chat room: no comments, labelled literals `?`; '' where nobody read it."""
    places: tuple[int, ...] = ()
    """Character offsets in `text` where something is changed."""
    literals: bool = False
    """Whether `text` has the statement's (unlabelled) literals."""
    reads: tuple[str, ...] = ()
    """Relations, `schema.name`, sorted."""
    writes: tuple[str, ...] = ()
    columns: tuple[TouchedColumn, ...] = ()


NO_FACTS: Final = Facts()


def touched_columns(analysis: Analysis, labelling: Mapping[ColumnRef, ColumnLabels]) -> tuple[TouchedColumn, ...]:
    """Every labelled column that `analysis` touches, and how.

    A whole row is all of its relation's labelled columns; where the analysis could not tell what is used, so is every
    relation it touches.
    """
    by_relation: dict[RelationRef, list[ColumnRef]] = {}
    for column, labels in labelling.items():
        if labels.labels:
            by_relation.setdefault(column.relation, []).append(column)
    found: dict[ColumnRef, dict[str, None]] = {}

    def touch(columns: Iterable[ColumnRef], how: str) -> None:
        for each in columns:
            for column in by_relation.get(each.relation, ()) if each.column in _WHOLE_ROW else (each,):
                if column in labelling and labelling[column].labels:
                    found.setdefault(column, {})[how] = None

    for origin in analysis.outputs or ():
        if isinstance(origin, Columns | Constant):
            touch(origin.columns, "returned")
    for use in analysis.uses:
        touch((use.column,), _SAID.get(use.use) or f"used in {use.where}")
    if analysis.opaque or analysis.outputs is None or analysis.effects & _BEYOND_COLUMNS:
        for relation in analysis.reads | analysis.writes:
            touch((column for column in by_relation.get(relation, ()) if column not in found), "perhaps used")
    return tuple(
        TouchedColumn(str(column), tuple(sorted(labelling[column].labels)), tuple(sorted(how)))
        for column, how in sorted(found.items())
    )
