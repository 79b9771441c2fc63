"""A function is seen wherever it stands, and the places tried are all that the grammar has in a query."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from pgmaskproxy.model import Analysis, Effect
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep
from tests.sql.nodes import CLAUSES, EXPRESSIONS, NODES, SOURCES, nodes_in, paths

PLACES: Final = (Path(__file__).parent / "places.sql").read_text(encoding="utf-8").splitlines()[1:]
QUERIES: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
UTILITIES: Final = frozenset(
    {"CallStmt", "CopyStmt", "CreateTableAsStmt", "DeclareCursorStmt", "ExecuteStmt", "ExplainStmt", "PrepareStmt",
     "ViewStmt"}
)  # fmt: skip
"""Kinds with a reader of their own; of the others every node is looked at."""

NAMES: Final = frozenset(
    {
        ("A_Expr", "name"), ("Alias", "colnames"), ("CTECycleClause", "cycle_col_list"),
        ("CTESearchClause", "search_col_list"), ("CollateClause", "collname"), ("ColumnRef", "fields"),
        ("CommonTableExpr", "aliascolnames"), ("CommonTableExpr", "search_clause"), ("CopyStmt", "attlist"),
        ("CopyStmt", "relation"), ("CreateTableAsStmt", "into"), ("DeleteStmt", "relation"),
        ("FuncCall", "funcname"), ("IndexElem", "collation"), ("IndexElem", "opclass"), ("InsertStmt", "relation"),
        ("IntoClause", "colNames"), ("IntoClause", "rel"), ("JoinExpr", "alias"), ("JoinExpr", "join_using_alias"),
        ("JoinExpr", "usingClause"), ("JsonTable", "alias"), ("LockingClause", "lockedRels"),
        ("MergeStmt", "relation"), ("RangeFunction", "alias"), ("RangeSubselect", "alias"),
        ("RangeTableFunc", "alias"), ("RangeTableSample", "method"), ("RangeTableSample", "relation"),
        ("RangeVar", "alias"),
        ("ReturningClause", "options"), ("SelectStmt", "intoClause"), ("SelectStmt", "lockingClause"),
        ("SortBy", "useOp"), ("SubLink", "operName"), ("TypeName", "names"), ("UpdateStmt", "relation"),
        ("ViewStmt", "aliases"), ("ViewStmt", "view"),
    }
)  # fmt: skip
"""Names and lists of names."""

TYPES: Final = frozenset(
    {
        ("JsonOutput", "returning"), ("JsonOutput", "typeName"), ("JsonReturning", "format"),
        ("JsonTableColumn", "format"), ("JsonTableColumn", "typeName"), ("JsonValueExpr", "format"),
        ("PrepareStmt", "argtypes"), ("RangeFunction", "coldeflist"), ("RangeTableFuncCol", "typeName"),
        ("TypeCast", "typeName"), ("XmlSerialize", "typeName"), ("JsonArrayConstructor", "output"),
        ("JsonArrayQueryConstructor", "format"), ("JsonArrayQueryConstructor", "output"),
        ("JsonAggConstructor", "output"), ("JsonFuncExpr", "output"), ("JsonObjectConstructor", "output"),
        ("JsonParseExpr", "output"), ("JsonScalarExpr", "output"), ("JsonSerializeExpr", "output"),
        ("JsonIsPredicate", "format"), ("TypeName", "arrayBounds"), ("TypeName", "typmods"),
    }
)  # fmt: skip
"""Types, whose own arguments may only be constants."""

CONSTANTS: Final = frozenset(
    {
        ("A_Const", "bsval"), ("A_Const", "ival"), ("A_Const", "fval"), ("A_Const", "boolval"), ("A_Const", "sval"),
        ("CTECycleClause", "cycle_mark_default"), ("CTECycleClause", "cycle_mark_value"),
        ("CommonTableExpr", "cycle_clause"), ("CopyStmt", "options"), ("ExplainStmt", "options"),
        ("IndexElem", "opclassopts"), ("IntoClause", "options"), ("JsonTable", "pathspec"),
        ("JsonTablePathSpec", "string"), ("JsonTableColumn", "pathspec"), ("JsonTable", "on_error"),
        ("ViewStmt", "options"),
    }
)  # fmt: skip
"""Constants only, by the grammar or by the server."""

SERVERS: Final = frozenset(
    {
        ("BooleanTest", "xpr"), ("BoolExpr", "xpr"), ("CaseExpr", "xpr"), ("CaseWhen", "xpr"),
        ("CoalesceExpr", "xpr"), ("CurrentOfExpr", "xpr"), ("GroupingFunc", "xpr"),
        ("MinMaxExpr", "xpr"), ("NamedArgExpr", "xpr"), ("NullTest", "xpr"), ("RowExpr", "xpr"),
        ("SQLValueFunction", "xpr"), ("SetToDefault", "xpr"), ("SubLink", "xpr"), ("XmlExpr", "xpr"),
        ("MergeSupportFunc", "xpr"), ("GroupingFunc", "args"), ("RowExpr", "colnames"), ("XmlExpr", "arg_names"),
        ("CommonTableExpr", "ctecolcollations"), ("CommonTableExpr", "ctecolnames"),
        ("CommonTableExpr", "ctecoltypes"), ("CommonTableExpr", "ctecoltypmods"), ("CallStmt", "funcexpr"),
        ("CallStmt", "outargs"), ("IntoClause", "viewQuery"), ("JsonValueExpr", "formatted_expr"),
        ("GroupingFunc", "refs"),
    }
)  # fmt: skip
"""Filled in by the server's analysis, or (GROUPING) only naming what stands elsewhere too."""


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


@pytest.mark.parametrize("sql", PLACES)
def test_a_function_is_seen(sql: str, catalog: Catalog) -> None:
    found = one(sql, catalog)
    assert "public.f_sql" in found.functions
    assert Effect.ROUTINE in found.effects


@pytest.mark.parametrize("sql", PLACES)
def test_one_that_exports_is_seen_too(sql: str, catalog: Catalog) -> None:
    """An effect of its own, that no statement has by its kind: ROUTINE is what CREATE FUNCTION is anyway."""
    effects = one(sql.replace("f_sql(", "pg_read_file("), catalog).effects
    assert effects & {Effect.EXPORT, Effect.ADMIN}


def test_every_place_in_a_query_is_tried() -> None:
    tried: set[tuple[str, str]] = set()
    for sql in PLACES:
        (raw,) = deep(lambda sql=sql: parse(sql))  # type: ignore[misc]
        found = [place for path in paths(raw.kind, raw.node, "f_sql") for place in path]
        assert found, sql
        tried |= set(found)
    kinds = (EXPRESSIONS | SOURCES | CLAUSES | QUERIES | UTILITIES) & NODES
    every = {(kind, field) for kind in kinds for field in nodes_in(kind)}
    exempt = NAMES | TYPES | CONSTANTS | SERVERS
    assert sorted(every - tried - exempt) == []
    assert sorted(exempt - every) == []
    assert sorted(exempt & tried) == []
