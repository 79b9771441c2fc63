"""Whether the server's own text about a statement, its errors and notices, could quote a value (DESIGN decision 8)."""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import Effect, Quotable, RelationRef, TransactionVerb
from pgmaskproxy.policy.facts import Touched
from pgmaskproxy.policy.revealing import named_only

_QUIET: Final = frozenset(
    {Effect.READ, Effect.SESSION, Effect.TRANSACTION, Effect.WRITE, Effect.EXPORT, Effect.DDL, Effect.PRIVILEGE}
)
"""Effects that run no function that is not known to be harmless."""

_WITHOUT_ROWS: Final = frozenset({Effect.READ, Effect.SESSION, Effect.TRANSACTION})

_DEFINITIONS: Final = frozenset(
    {
        "AlterEnumStmt", "AlterObjectSchemaStmt", "AlterSeqStmt", "AlterTableStmt", "CommentStmt", "CreateEnumStmt",
        "CreateSchemaStmt", "CreateSeqStmt", "CreateStmt", "CreateTableAsStmt", "DropStmt", "GrantStmt", "IndexStmt",
        "RenameStmt",
    }
)  # fmt: skip
"""Definitions whose errors speak of names, and of rows only where they are those of a relation that is named."""

_NEW: Final = frozenset({"CreateEnumStmt", "CreateSchemaStmt", "CreateSeqStmt", "CreateStmt", "CreateTableAsStmt"})
"""Where a name that the catalog does not have is that of something new, with no row in it."""

_AT_THE_END: Final = frozenset({TransactionVerb.COMMIT, TransactionVerb.PREPARED})
_DEFERRED: Final = "ConstraintsSetStmt"


def could_quote(facts: Touched, quotable: Quotable | None) -> bool:
    """Whether an error must be rebuilt and notices dropped: for this principal, by everything that is reached.

    COMMIT and SET CONSTRAINTS run what was deferred, whatever that was.
    """
    analysis = facts.analysis
    if facts.opaque or not facts.effects <= _QUIET:
        return True
    if analysis.transaction in _AT_THE_END or analysis.kind == _DEFERRED:
        return True
    if facts.effects & {Effect.DDL, Effect.PRIVILEGE} and analysis.kind not in _DEFINITIONS:
        return True
    if any(named_only(Effect.READ, relation) for relation in facts.relations):
        return True
    if quotable is None:
        return not facts.effects <= _WITHOUT_ROWS or any(
            relation in facts.labels_by_relation for relation in facts.relations
        )
    return any(_quotes(facts, quotable.reading.get(relation)) for relation in analysis.reads) or any(
        _quotes(facts, quotable.writing.get(relation)) for relation in analysis.writes if not _new(facts, relation)
    )


def _quotes(facts: Touched, labels: frozenset[str] | None) -> bool:
    return labels is None or not facts.clears(labels)


def _new(facts: Touched, relation: RelationRef) -> bool:
    return not relation.schema and facts.analysis.kind in _NEW
