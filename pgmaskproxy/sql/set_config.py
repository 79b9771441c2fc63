"""set_config() over pg_settings, as pg_dump does it so that a server without the setting is asked nothing:
`SELECT set_config(name, 'value', false) FROM pg_settings WHERE name = 'setting'`.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import Setting
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.expressions import literal
from pgmaskproxy.sql.tree import Node, items, mapping, strings, text, unwrap

_CLAUSES: Final = frozenset({"targetList", "fromClause", "whereClause", "limitOption", "op"})
_NAME: Final = ("name",)
_TEXT: Final = 25


def setting_by_name(kind: str, node: Node, catalog: Catalog, search_path: tuple[str, ...]) -> Setting | None:
    """The one setting that such a statement sets, None for any other statement: its condition leaves one row at most,
    and that is the setting's."""
    if kind != "SelectStmt" or not set(node) <= _CLAUSES or node.get("op", "SETOP_NONE") != "SETOP_NONE":
        return None
    name = _compared(mapping(node.get("whereClause")), catalog)
    given = _given(items(node.get("targetList")))
    if name is None or given is None or not _is_pg_settings(items(node.get("fromClause")), catalog, search_path):
        return None
    return Setting(name.lower(), given[0], given[1])


def _given(targets: list[Node]) -> tuple[str, bool] | None:
    """The value and whether it is local, of the only target `set_config(name, 'value', local)`."""
    kind, call = unwrap(unwrap(targets[0])[1].get("val")) if len(targets) == 1 else ("", {})
    arguments = items(call.get("args"))
    if kind != "FuncCall" or strings(call.get("funcname"))[-1:] != ("set_config",) or len(arguments) != 3:
        return None
    value, local = literal(arguments[1]), literal(arguments[2])
    named = unwrap(arguments[0])
    if named[0] != "ColumnRef" or strings(named[1].get("fields")) != _NAME:
        return None
    return (value, local) if isinstance(value, str) and isinstance(local, bool) else None


def _compared(condition: Node, catalog: Catalog) -> str | None:
    """The literal in `name = 'literal'`, by PostgreSQL's own operator."""
    kind, fields = unwrap(condition)
    left, right = unwrap(fields.get("lexpr")), mapping(fields.get("rexpr"))
    plain = kind == "A_Expr" and fields.get("kind") == "AEXPR_OP" and strings(fields.get("name")) == ("=",)
    own = any(each.left == each.right == _TEXT for each in catalog.operators_by_name.get("=", ()))
    if not plain or own or left[0] != "ColumnRef":
        return None
    found = literal(right) if strings(left[1].get("fields")) == _NAME else None
    return found if isinstance(found, str) else None


def _is_pg_settings(sources: list[Node], catalog: Catalog, search_path: tuple[str, ...]) -> bool:
    kind, fields = unwrap(sources[0]) if len(sources) == 1 else ("", {})
    if kind != "RangeVar" or "alias" in fields:
        return False
    relation = catalog.resolve(search_path, text(fields.get("schemaname")) or None, text(fields.get("relname")))
    return relation is not None and str(relation.ref) == "pg_catalog.pg_settings"
