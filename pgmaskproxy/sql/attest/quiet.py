"""Expressions of a definition that may stand beside anything: computing them cannot fail, so that no error tells of a
labelled column, and their value has its labels (`closure`).
"""

from __future__ import annotations

import re
from typing import Final

from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.shape import field, flag, number
from pgmaskproxy.sql.attest.total import CONCATENATION, FUNCTIONS
from pgmaskproxy.sql.routines import OPERATORS

_COMPARISON: Final = re.compile(
    r"^(?:=|<>|<=?|>=?)\((?:(?:bigint|integer|smallint|numeric|oid|date|text|character|name|boolean|uuid"
    r"|timestamp without time zone|timestamp with time zone|double precision|real)(?:, |\)$)){2}"
)
COMPARISONS: Final = frozenset(oid for oid, (signature, _) in OPERATORS.items() if _COMPARISON.match(signature))
"""pg_operator.oid of those that cannot fail."""

CALLED: Final = (frozenset(FUNCTIONS) - {877, 936}) | {
    3153, 3155, 3156, 3176, 3787,  # array_to_json(anyarray), row_to_json(record), with bool, to_json, to_jsonb
    3198, 3271,  # json_build_array("any"), jsonb_build_array("any")
}  # fmt: skip
"""pg_proc.oid of functions that cannot fail; substr() with a length can."""
AGGREGATES: Final = frozenset({2147, 2803, 2335, 3175, 3267, 3538})
"""count, count(*), array_agg(anynonarray), json_agg, jsonb_agg, string_agg(text,text)."""

_COMBINING: Final = frozenset(
    {
        "VAR", "CONST", "PARAM", "RELABELTYPE", "NULLTEST", "BOOLEXPR", "BOOLEANTEST", "CASEEXPR", "CASEWHEN",
        "CASETESTEXPR", "COALESCEEXPR", "ROWEXPR", "TARGETENTRY", "SORTGROUPCLAUSE",
    }
)  # fmt: skip
_COMPARES: Final = frozenset({"OPEXPR", "DISTINCTEXPR", "SCALARARRAYOPEXPR"})


def is_quiet(expression: Value) -> bool:
    """Whether computing an expression cannot fail. What its nodes have in other fields is for whoever walks them to
    check."""
    pending = [expression]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, Node):
            if not _cannot_fail(value):
                return False
            pending.extend(value.fields.values())
    return True


def _cannot_fail(node: Node) -> bool:
    if node.label in _COMPARES:
        called = number(field(node, "opno"))
        return called in COMPARISONS or called == CONCATENATION
    if node.label == "FUNCEXPR":
        return number(field(node, "funcid")) in CALLED and not flag(field(node, "funcvariadic"))
    if node.label == "AGGREF":
        return number(field(node, "aggfnoid")) in AGGREGATES and not flag(field(node, "aggvariadic"))
    return node.label in _COMBINING
