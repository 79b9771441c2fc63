"""The name PostgreSQL gives an output column that has none (FigureColname in parse_target.c).

An outer query finds the column by it, so a wrong guess here would look in the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from pgmaskproxy.sql.tree import Node, items, mapping, strings, text, unwrap

UNNAMED: Final = "?column?"

_FIXED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "A_ArrayExpr": "array",
        "CoalesceExpr": "coalesce",
        "GroupingFunc": "grouping",
        "JsonArrayAgg": "json_arrayagg",
        "JsonArrayConstructor": "json_array",
        "JsonArrayQueryConstructor": "json_array",
        "JsonObjectAgg": "json_objectagg",
        "JsonObjectConstructor": "json_object",
        "JsonParseExpr": "json",
        "JsonScalarExpr": "json_scalar",
        "JsonSerializeExpr": "json_serialize",
        "MergeSupportFunc": "merge_action",
        "RowExpr": "row",
        "XmlSerialize": "xmlserialize",
    }
)

_BY_OPERATION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "IS_GREATEST": "greatest",
        "IS_LEAST": "least",
        "IS_XMLCONCAT": "xmlconcat",
        "IS_XMLELEMENT": "xmlelement",
        "IS_XMLFOREST": "xmlforest",
        "IS_XMLPARSE": "xmlparse",
        "IS_XMLPI": "xmlpi",
        "IS_XMLROOT": "xmlroot",
        "IS_XMLSERIALIZE": "xmlserialize",
        "JSON_EXISTS_OP": "json_exists",
        "JSON_QUERY_OP": "json_query",
        "JSON_VALUE_OP": "json_value",
        "SVFOP_CURRENT_CATALOG": "current_catalog",
        "SVFOP_CURRENT_DATE": "current_date",
        "SVFOP_CURRENT_ROLE": "current_role",
        "SVFOP_CURRENT_SCHEMA": "current_schema",
        "SVFOP_CURRENT_TIME": "current_time",
        "SVFOP_CURRENT_TIMESTAMP": "current_timestamp",
        "SVFOP_CURRENT_TIMESTAMP_N": "current_timestamp",
        "SVFOP_CURRENT_TIME_N": "current_time",
        "SVFOP_CURRENT_USER": "current_user",
        "SVFOP_LOCALTIME": "localtime",
        "SVFOP_LOCALTIMESTAMP": "localtimestamp",
        "SVFOP_LOCALTIMESTAMP_N": "localtimestamp",
        "SVFOP_LOCALTIME_N": "localtime",
        "SVFOP_SESSION_USER": "session_user",
        "SVFOP_USER": "user",
    }
)


Inside: TypeAlias = Callable[[Node], str]
"""The name of the first column of a subquery whose target list begins with a star."""


def output_name(node: Node, inside: Inside = lambda _: "") -> str:
    """The name of an expression's output column where no AS gives one."""
    return _figure(node, inside)[0] or UNNAMED


def has_certain_name(node: Node) -> bool:
    """Whether the name is written in the expression itself: a column's, a field's or a function's."""
    kind, fields = unwrap(node)
    if kind == "A_Indirection":
        parts = [unwrap(part)[0] for part in items(fields.get("indirection"))]
        return "String" in parts and "A_Star" not in parts
    return kind in {"ColumnRef", "FuncCall"}


def _figure(node: Node, inside: Inside) -> tuple[str, int]:
    """A name and how strong a hint it is: 2 its own, 1 a type's or CASE, 0 none."""
    kind, fields = unwrap(node)
    match kind:
        case "ColumnRef":
            names = strings(fields.get("fields"))
            return (names[-1], 2) if names else ("", 0)
        case "A_Indirection":
            names = strings(fields.get("indirection"))
            return (names[-1], 2) if names else _figure(mapping(fields.get("arg")), inside)
        case "FuncCall":
            return strings(fields.get("funcname"))[-1], 2
        case "A_Expr":
            return ("nullif", 2) if fields.get("kind") == "AEXPR_NULLIF" else ("", 0)
        case "TypeCast":
            name, strength = _figure(mapping(fields.get("arg")), inside)
            if strength <= 1:
                names = strings(mapping(fields.get("typeName")).get("names"))
                return (names[-1], 1) if names else (name, strength)
            return name, strength
        case "CollateClause":
            return _figure(mapping(fields.get("arg")), inside)
        case "CaseExpr":
            name, strength = _figure(mapping(fields.get("defresult")), inside)
            return (name, strength) if strength > 1 else ("case", 1)
        case "SubLink":
            return _figure_sublink(fields, inside)
        case "MinMaxExpr" | "XmlExpr" | "SQLValueFunction" | "JsonFuncExpr":
            name = _BY_OPERATION.get(text(fields.get("op")), "")
            return name, 2 if name else 0
        case _:
            name = _FIXED.get(kind, "")
            return name, 2 if name else 0


def _figure_sublink(fields: Node, inside: Inside) -> tuple[str, int]:
    match fields.get("subLinkType"):
        case "EXISTS_SUBLINK":
            return "exists", 2
        case "ARRAY_SUBLINK":
            return "array", 2
        case "EXPR_SUBLINK":
            return _first_name(mapping(fields.get("subselect")), inside)
        case _:
            return "", 0


def _first_name(query: Node, inside: Inside) -> tuple[str, int]:
    """The name of a query's first column, of its leftmost arm."""
    kind, fields = unwrap(query)
    if kind != "SelectStmt":
        return "", 0
    while "larg" in fields:
        fields = mapping(fields["larg"])
    if "valuesLists" in fields:
        return "column1", 2
    for target in items(fields.get("targetList")):
        _, entry = unwrap(target)
        name = text(entry.get("name"))
        if name:
            return name, 2
        value = mapping(entry.get("val"))
        _, reference = unwrap(value)
        if any(unwrap(part)[0] == "A_Star" for part in items(reference.get("fields"))):
            return inside(query), 2
        return output_name(value, inside), 2
    return "", 0
