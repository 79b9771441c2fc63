"""Queries that come to the same in whatever order their rows come: one row, out of aggregates that only count, add
exactly, or pick among values that are equal only where they are the same; and nothing below them that can fail, so
that no error tells which row came first, or that could note down when it was called.
"""

from __future__ import annotations

import re
from typing import Final, final

from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.shape import field, flag, members, number
from pgmaskproxy.sql.routines import OPERATORS

_SELECT: Final = 1  # CmdType
_RELATION, _SUBQUERY, _JOIN = 0, 1, 2  # RTEKind

_COUNT: Final = frozenset({2147, 2803})
"""pg_proc.oid of count("any") and count(*), in all of versions.MAJORS."""

UNORDERED: Final = _COUNT | frozenset(
    {
        # sum and avg of bigint, integer, smallint, numeric. Not of floating point: it rounds as it goes.
        2107, 2108, 2109, 2114, 2100, 2101, 2102, 2103,
        # max, then min, of bigint, integer, smallint, oid, date, time, timestamp, timestamptz, money
        2115, 2116, 2117, 2118, 2122, 2123, 2126, 2127, 2125, 2131, 2132, 2133, 2134, 2138, 2139, 2142, 2143, 2141,
        # bool_and, bool_or, every
        2517, 2518, 2519,
        # stddev and variance with _pop and _samp, of bigint, integer, smallint, numeric
        2718, 2719, 2720, 2723, 2641, 2642, 2643, 2646, 2148, 2149, 2150, 2153,
        2724, 2725, 2726, 2729, 2712, 2713, 2714, 2717, 2154, 2155, 2156, 2159,
    }
)  # fmt: skip
"""Where two values are equal but not the same (text under a collation, numeric by its scale, an interval), which of
them min and max keep depends on the order."""

_COMPARISON: Final = re.compile(
    r"^(?:=|<>|<=?|>=?)\((?:(?:bigint|integer|smallint|numeric|oid|date|text|character|name|boolean|uuid"
    r"|timestamp without time zone|timestamp with time zone|double precision|real)(?:, |\)$)){2}"
)
_TOTAL: Final = frozenset(oid for oid, (signature, _) in OPERATORS.items() if _COMPARISON.match(signature))
"""Operators that cannot fail."""

_QUIET: Final = frozenset(
    {
        "TARGETENTRY",
        "VAR",
        "CONST",
        "PARAM",
        "RELABELTYPE",
        "NULLTEST",
        "BOOLEXPR",
        "BOOLEANTEST",
        "AGGREF",
        "ARRAYEXPR",
        "SORTGROUPCLAUSE",
    }
)
_COMPARES: Final = frozenset({"OPEXPR", "DISTINCTEXPR", "SCALARARRAYOPEXPR"})

_MORE_THAN_ROWS: Final = (
    "groupClause", "groupingSets", "setOperations", "rowMarks", "cteList", "distinctClause", "sortClause",
    "windowClause", "limitCount", "limitOffset",
)  # fmt: skip


@final
class Counts:
    """Which of the queries of one tree are such, each looked at once."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def only(self, query: Node) -> bool:
        """Whether a query is one."""
        if id(query) not in self._known:
            self._known[id(query)] = flag(field(query, "hasAggs")) and _is_quiet(query)
        return self._known[id(query)]


def _is_quiet(query: Node) -> bool:
    """Whether nothing in a query and what it reads can fail for one row and not for another, or knows when it ran."""
    pending = [query]
    while pending:
        one = pending.pop()
        if (
            number(field(one, "commandType")) != _SELECT
            or flag(field(one, "hasWindowFuncs"))
            or flag(field(one, "hasTargetSRFs"))
            or any(field(one, name) is not None for name in _MORE_THAN_ROWS)
            or not all(_cannot_fail(part) for part in _per_row(one))
        ):
            return False
        for entry in members(field(one, "rtable")):
            kind = number(field(entry, "rtekind")) if isinstance(entry, Node) else -1
            below = entry.fields.get("subquery") if isinstance(entry, Node) else None
            if kind == _SUBQUERY and isinstance(below, Node):
                pending.append(below)
            elif kind not in {_RELATION, _JOIN} or below is not None or _sampled(entry):
                return False
    return True


def _per_row(query: Node) -> list[Value]:
    """What is computed for each of the rows: around aggregates, which have no GROUP BY here, only for the one."""
    row = [field(query, name) for name in ("targetList", "havingQual")]
    if not flag(field(query, "hasAggs")):
        return [*row, field(query, "jointree")]
    found: list[Value] = [field(query, "jointree")]
    while row:
        value = row.pop()
        if isinstance(value, list):
            row.extend(value)
        elif isinstance(value, Node):
            if value.label in {"AGGREF", "SUBLINK"}:
                found.append(value)
            else:
                row.extend(value.fields.values())
    return found


def _sampled(entry: Value) -> bool:
    return isinstance(entry, Node) and entry.fields.get("tablesample") is not None


def _cannot_fail(expressions: Value) -> bool:
    pending = [expressions]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, Node):
            if value.label == "AGGREF":
                if not _is_unordered(value):
                    return False
            elif value.label in _COMPARES:
                if number(field(value, "opno")) not in _TOTAL:
                    return False
            elif value.label not in _QUIET and value.label not in {"FROMEXPR", "JOINEXPR", "RANGETBLREF"}:
                return False
            pending.extend(value.fields.values())
    return True


def _is_unordered(aggregate: Node) -> bool:
    called = number(field(aggregate, "aggfnoid"))
    # Of values that are equal and not the same, DISTINCT keeps one: it does not matter where they are only counted.
    plain = field(aggregate, "aggorder") is None and field(aggregate, "aggdirectargs") is None
    return plain and called in (UNORDERED if field(aggregate, "aggdistinct") is None else _COUNT)
