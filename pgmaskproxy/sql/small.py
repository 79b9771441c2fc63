"""Statements so small that an event loop may read them itself: in a millisecond or two at most, with little stack.

What a text can cost is bounded by more than its length: `*` has as many columns as the tables have, a WITH query named
twice doubles what it has, a view is a text of its own that may be as long and as deep as anybody wrote it, and a write
asks what hangs on the columns that it writes. So it is one plain query over few columns of tables, or it is not small.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.reader import ReadStatement, analyse
from pgmaskproxy.sql.tree import Node, text

LONGEST: Final = 512
"""Of a text, in bytes. The deepest that fits, brackets in brackets, takes less than a megabyte of stack in all readers
together (measured: 1.5 KB for each of 250)."""

MOST_COLUMNS: Final = 200
"""Of all relations that are named, each as often as it is."""

_TABLES: Final = frozenset({"r", "p", "f", "m"})
"""pg_class.relkind of what has no definition that is read with it."""


def read_small(sql: str, catalog: Catalog, search_path: tuple[str, ...]) -> ReadStatement | None:
    """What `reader.read` says of a text's one statement, None where it is not small. Raises Unparsable as that does."""
    if len(sql) > LONGEST or len(sql.encode(errors="replace")) > LONGEST:
        return None
    found = parse(sql)
    if len(found) != 1 or found[0].kind != "SelectStmt" or not _is_plain(found[0].node, catalog, search_path):
        return None
    try:
        return analyse(found[0], catalog, search_path)
    except RecursionError:
        return None


def _is_plain(select: Node, catalog: Catalog, search_path: tuple[str, ...]) -> bool:
    """Whether nothing in it multiplies, writes or has a definition, and it is over few columns."""
    columns = 0
    pending: list[object] = [select]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            for name, part in current.items():
                if name == "RangeVar":
                    relation = catalog.resolve(
                        search_path, text(part.get("schemaname")) or None, text(part.get("relname"))
                    )
                    if relation is None or relation.kind not in _TABLES:
                        return False
                    columns += len(relation.columns)
                elif name in {"withClause", "intoClause"}:
                    return False
                elif isinstance(part, (dict, list)):
                    pending.append(part)
    return columns <= MOST_COLUMNS
