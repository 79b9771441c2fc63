"""Every node of the grammar, as libpg_query's own descriptors have it, and where it may stand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, Final

from pgmaskproxy.sql.expressions import TRANSPARENT
from pgmaskproxy.sql.statements import EFFECTS

GRAMMAR: Any = importlib.import_module("postgast.pg_query_pb2")
NODES: Final = frozenset(field.message_type.name for field in GRAMMAR.Node.DESCRIPTOR.fields)

STATEMENTS: Final = frozenset(EFFECTS)

EXPRESSIONS: Final = TRANSPARENT | {
    "A_Expr", "A_Indirection", "ColumnRef", "FuncCall", "SortBy", "SubLink", "TypeCast", "TypeName",
}  # fmt: skip
"""What the walker of expressions takes, besides a SelectStmt."""

SOURCES: Final = frozenset(
    {
        "JoinExpr", "JsonTable", "RangeFunction", "RangeSubselect", "RangeTableFunc", "RangeTableSample", "RangeVar",
    }
)  # fmt: skip
"""What may stand in FROM."""

CLAUSES: Final = frozenset(
    {
        "Alias", "CTECycleClause", "CTESearchClause", "CommonTableExpr", "InferClause", "IntoClause",
        "JsonAggConstructor", "JsonFormat", "LockingClause", "MergeWhenClause", "MultiAssignRef", "OnConflictClause",
        "ReturningClause", "ReturningOption", "WindowDef", "WithClause",
    }
)  # fmt: skip
"""Parts of a query that are read by the names of their fields."""

UTILITY: Final = frozenset(
    {
        "ATAlterConstraint", "AccessPriv", "AlterTableCmd", "ColumnDef", "Constraint", "CreateOpClassItem", "DefElem",
        "FunctionParameter", "InlineCodeBlock", "ObjectWithArgs", "PartitionBoundSpec", "PartitionCmd",
        "PartitionElem", "PartitionRangeDatum", "PartitionSpec", "PublicationObjSpec", "PublicationTable", "RoleSpec",
        "StatsElem", "TableLikeClause", "TriggerTransition", "VacuumRelation",
    }
)  # fmt: skip
"""Parts of utility statements, where every node below is looked at whatever it is."""

SERVERS: Final = frozenset(
    {
        "Aggref", "AlternativeSubPlan", "ArrayCoerceExpr", "ArrayExpr", "CallContext", "CaseTestExpr",
        "CoerceToDomain", "CoerceToDomainValue", "CoerceViaIO", "CollateExpr", "ConvertRowtypeExpr", "DistinctExpr",
        "FieldSelect", "FieldStore", "FromExpr", "FuncExpr", "InferenceElem", "IntList", "JsonConstructorExpr",
        "JsonExpr", "JsonTablePath", "JsonTablePathScan", "JsonTableSiblingJoin", "MergeAction", "NextValueExpr",
        "NullIfExpr", "OidList", "OnConflictExpr", "OpExpr", "Param", "Query", "RTEPermissionInfo", "RangeTblEntry",
        "RangeTblFunction", "RangeTblRef", "RelabelType", "ReturningExpr", "RowCompareExpr", "RowMarkClause",
        "ScalarArrayOpExpr", "SortGroupClause", "SubPlan", "SubscriptingRef", "TableFunc", "TableSampleClause",
        "TargetEntry", "Var", "WindowClause", "WindowFunc", "WindowFuncRunCondition", "WithCheckOption",
    }
)  # fmt: skip
"""What only the server's analysis makes: the grammar never does."""


def descriptor(name: str) -> Any:
    """The descriptor of one kind of node."""
    return getattr(GRAMMAR, name).DESCRIPTOR


def nodes_in(name: str) -> frozenset[str]:
    """The fields of a kind of node that hold nodes, as the JSON entry spells them."""
    return frozenset(field.json_name for field in descriptor(name).fields if field.message_type is not None)


def paths(kind: str, fields: dict[str, Any], wanted: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """For every call of the function `wanted`: the (kind of node, field) that lead to it from a statement."""
    pending: list[tuple[str, object, tuple[tuple[str, str], ...]]] = [(kind, fields, ())]
    while pending:
        kind, value, path = pending.pop()
        if isinstance(value, list):
            pending.extend((kind, item, path) for item in value)
            continue
        if not isinstance(value, dict):
            continue
        if kind == "Node":
            (kind, value), *rest = value.items() if value else [("Node", {})]
            assert not rest
        if kind == "Node":
            continue
        if kind == "FuncCall" and value["funcname"][-1]["String"]["sval"] == wanted:
            yield path
        types = {field.json_name: field.message_type for field in descriptor(kind).fields}
        pending.extend((types[key].name, part, (*path, (kind, key))) for key, part in value.items() if types[key])
