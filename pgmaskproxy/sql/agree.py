"""sqlglot as the second reader of a statement: of its own text, or of the canonical one.

It reads SQL by code that shares nothing with PostgreSQL's. Where it makes a real tree of a statement it must
name the same relations and the same kind as the grammar's tree, else one of the two has misread and the
statement is UNKNOWN. Where it gives up, there is no second reader, and lineage is Opaque (DESIGN decision 2).

Of what is plain, in its tokens (`skeleton`) and in its tree (`_PLAIN`), it is asked about the client's own text first:
to agree on that is to agree on what the server will read. Everything else, and what it does not agree on, it is given
as PostgreSQL's grammar writes it, in which nothing has a second spelling (DESIGN decision 2): that word counts.

Names are compared folded to lower case and without their schemas; names of WITH queries are left out on both
sides, since PostgreSQL's scoping of them is not sqlglot's. Constants name nothing: it is given others in their places,
so that what it says of a text does not hang on them (`skeleton`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlglot import exp
from sqlglot.dialects import Postgres
from sqlglot.errors import SqlglotError

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.sql.familiar import familiar
from pgmaskproxy.sql.grammar import RawStatement
from pgmaskproxy.sql.skeleton import filled, skeleton
from pgmaskproxy.sql.tree import Node, text

_KINDS: Final[Mapping[str, tuple[type[exp.Expression], ...]]] = MappingProxyType(
    {
        "SelectStmt": (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Table),
        "InsertStmt": (exp.Insert,),
        "UpdateStmt": (exp.Update,),
        "DeleteStmt": (exp.Delete,),
        "MergeStmt": (exp.Merge,),
    }
)


_DIALECT: Final = Postgres()

_GIVES_UP: Final = (SqlglotError, ValueError, TypeError, AttributeError, LookupError)
"""What its parser raises of what it does not know, or has not thought of: ValueError of `date_part('', now())`."""


_NAMELESS: Final = frozenset({"lockingClause", "A_Const", "ColumnRef"})
"""What in a tree names no relation, or names one again."""

_PLAIN: Final = frozenset(
    {
        "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "ResTarget", "ColumnRef", "A_Star", "A_Const", "String",
        "ParamRef", "A_Expr", "BoolExpr", "NullTest", "BooleanTest", "FuncCall", "TypeCast", "CaseExpr", "CaseWhen",
        "CoalesceExpr", "MinMaxExpr", "SQLValueFunction", "A_ArrayExpr", "List", "SubLink", "RangeVar",
        "RangeSubselect", "JoinExpr", "SortBy", "WindowDef", "CommonTableExpr", "SetToDefault", "Integer",
    }
)  # fmt: skip
"""Nodes that it has a word for each of, and that are written as PostgreSQL writes them."""


class Second(enum.Enum):
    """What the second reader says."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    GAVE_UP = "gave up"


def second_opinion(raw: RawStatement) -> tuple[Second, str, bool]:
    """Whether sqlglot reads a statement as the grammar did; what is wrong, for people; and whether that may hang on the
    statement's constants."""
    ours, plain = _our_relations(raw.node)
    bare = skeleton(raw.text) if plain else None
    if bare is not None:
        second, reason = _reading(raw.kind, ours, filled(bare))
        if second is Second.AGREES:
            return second, reason, False
    canonical = raw.canonical
    bare = skeleton(canonical)
    second, reason = _reading(raw.kind, ours, canonical if bare is None else filled(bare))
    return second, reason, bare is None


def second_reading(kind: str, node: Node, canonical: str) -> tuple[Second, str]:
    """Whether sqlglot reads the canonical text as the grammar read the statement; and what is wrong, for people."""
    bare = skeleton(canonical)
    return _reading(kind, _our_relations(node)[0], canonical if bare is None else filled(bare))


def _reading(kind: str, ours: frozenset[str], canonical: str) -> tuple[Second, str]:
    expected = _KINDS.get(kind)
    if expected is None:
        return Second.AGREES, ""
    if not canonical:
        return Second.GAVE_UP, "no canonical text"
    try:
        trees = _DIALECT.parse(familiar(canonical))
        if len(trees) != 1 or trees[0] is None or isinstance(trees[0], exp.Command):
            return Second.GAVE_UP, "the second reader has no tree for it"
        tree = trees[0]
        theirs, commands = _their_relations(tree)
    except (*_GIVES_UP, RecursionError, Unparsable) as error:
        return Second.GAVE_UP, f"the second reader gave up ({type(error).__name__})"
    if commands:
        return Second.GAVE_UP, "the second reader has no tree for a part of it"
    if not isinstance(tree, expected):
        return Second.DISAGREES, f"the second reader takes it for {type(tree).__name__}"
    if ours != theirs:
        odd = ", ".join(sorted(ours ^ theirs))
        return Second.DISAGREES, f"the second reader names other relations: {odd}"
    return Second.AGREES, ""


def _our_relations(node: Node) -> tuple[frozenset[str], bool]:
    """Relation names in the grammar's tree, those of WITH queries left out; and whether all of it is plain."""
    named: set[str] = set()
    ctes: set[str] = set()
    plain = True
    pending: list[object] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            name = current.get("relname")
            if isinstance(name, str):
                named.add(name.lower())
            if "ctename" in current:
                ctes.add(text(current.get("ctename")).lower())
            for key, part in current.items():
                if isinstance(part, (dict, list)):
                    if key not in _NAMELESS:
                        pending.append(part)
                    if key not in _PLAIN and key[0].isupper():
                        plain = False
    return frozenset(named - ctes), plain


def _their_relations(tree: exp.Expr) -> tuple[frozenset[str], bool]:
    """The same in the second reader's tree; and whether there is a part in it that it only carries along as text."""
    named: set[str] = set()
    ctes: set[str] = set()
    commands = False
    pending: list[object] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
            continue
        if not isinstance(node, exp.Expr):
            continue
        if isinstance(node, exp.Table):
            if isinstance(node.this, exp.Identifier) and not isinstance(node.parent, exp.Lock):
                named.add(node.name.lower())
        elif isinstance(node, exp.CTE):
            ctes.add(node.alias.lower())
        elif isinstance(node, exp.Command):
            commands = True
        pending.extend(node.args.values())
    return frozenset(named - ctes), commands
