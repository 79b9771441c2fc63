"""Where the parameters of a statement stand in its tree: beside which column, and nowhere else.

A parameter that is compared with a column as it is, or is the whole of what is written to one, shows nothing of itself.
Anywhere else (an output, a function, LIMIT, another statement of a rule) what it holds can come out again, so every
PARAM of the tree is looked for, in every field of every node, and counts as elsewhere unless its place is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, final

from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.shape import Shape, flag, members, number

_EXTERN: Final = "0"  # ParamKind
_IMPLICIT: Final = "2"  # CoercionForm: nobody wrote it, the column's type asks for it
_LENGTHS: Final = frozenset({668, 669})
"""pg_proc.oid of bpchar(bpchar, int4, bool) and varchar(varchar, int4, bool), in all of MAJORS: with an implicit cast
they fail where the value is too long, and cut nothing off but blanks."""
_SUBQUERY, _VALUES = "1", "5"  # RTEKind


def is_parameter(value: Value) -> bool:
    """Whether it is a $n of the statement's own."""
    return isinstance(value, Node) and value.label == "PARAM" and value.fields.get("paramkind") == _EXTERN


def relabelled(value: Value) -> Value:
    """What stands below other names for its type."""
    while isinstance(value, Node) and value.label == "RELABELTYPE":
        value = value.fields.get("arg")
    return value


def is_array(value: Value) -> bool:
    """Whether the right side of `= ANY` is one value, and no list that was written as such."""
    return is_parameter(relabelled(value))


def listed(value: Value, shape: Shape) -> list[Node]:
    """The parameters that are the right side of `= ANY ($1)` or `IN ($1, $2)`; none where it is anything else."""
    value = relabelled(value)
    if isinstance(value, Node) and value.label == "ARRAYCOERCEEXPR":
        each = value.fields.get("elemexpr")
        if not isinstance(each, Node) or each.label != "RELABELTYPE" or not _is_element(each.fields.get("arg")):
            return []
        shape.check(value)
        value = relabelled(value.fields.get("arg"))
    if isinstance(value, Node) and value.label == "ARRAYEXPR":
        shape.check(value)
        if flag(value.fields["multidims"]):
            return []
        found = [relabelled(element) for element in members(value.fields["elements"])]
    else:
        found = [value]
    params = [each for each in found if isinstance(each, Node) and is_parameter(each)]
    return params if len(params) == len(found) else []


def _is_element(value: Value) -> bool:
    return isinstance(value, Node) and value.label == "CASETESTEXPR"


def assigned(value: Value) -> Value:
    """What is written, below what only the column's own type asks for."""
    while isinstance(value, Node):
        fields = value.fields
        if value.label == "RELABELTYPE" or (
            value.label == "COERCETODOMAIN" and fields.get("coercionformat") == _IMPLICIT
        ):
            value = fields.get("arg")
        elif value.label == "FUNCEXPR" and number(fields["funcid"]) in _LENGTHS and fields["funcformat"] == _IMPLICIT:
            value = members(fields["args"])[0]
        else:
            break
    return value


@final
class Feed:
    """What feeds the columns that an INSERT writes: its own target list, and the VALUES or SELECT below it.

    Nothing else can name the columns of that VALUES or SELECT; it is checked all the same.
    """

    __slots__ = ("_at", "_columns", "_read")

    def __init__(self, query: Node | None, shape: Shape) -> None:
        self._at = 0
        self._columns: dict[int, list[Node]] = {}
        """By column of the source, from 1: the parameters that it may be, nothing else being made of them."""
        self._read: set[int] = set()
        if query is not None:
            self._look(query, shape)

    def parameters(self, expression: Value) -> list[Node]:
        """The parameters that one assignment may write."""
        value = assigned(expression)
        if isinstance(value, Node) and is_parameter(value):
            return [value]
        at = self._source_column(value)
        self._read.add(at)
        return self._columns.get(at, [])

    def unread(self) -> list[Node]:
        """Parameters in columns of the source that nothing reads: the server has put a copy where they are written."""
        return [param for at, params in self._columns.items() if at not in self._read for param in params]

    def _source_column(self, value: Value) -> int:
        if not isinstance(value, Node) or value.label != "VAR" or not self._at:
            return 0
        fields = value.fields
        here = number(fields["varno"]) == self._at and number(fields["varlevelsup"]) == 0
        return number(fields["varattno"]) if here else 0

    def _look(self, query: Node, shape: Shape) -> None:
        tree = query.fields["jointree"]
        sources = members(tree.fields.get("fromlist")) if isinstance(tree, Node) else []
        if len(sources) != 1 or not isinstance(sources[0], Node) or sources[0].label != "RANGETBLREF":
            return
        at = number(sources[0].fields["rtindex"])
        entries = shape.nodes(query.fields["rtable"], "RANGETBLENTRY")
        if not 1 <= at <= len(entries):
            return
        entry = entries[at - 1]
        rows = _values(entry) if entry.fields.get("rtekind") == _VALUES else _selected(entry, shape)
        self._at = at
        targets = shape.nodes(query.fields["targetList"], "TARGETENTRY")
        plain = {id(value) for target in targets if (value := assigned(target.fields["expr"])) is not None}
        # A column of the source that anything but a plain assignment names is not known to go nowhere else.
        others = [value for name, value in query.fields.items() if name != "rtable"]
        named = {
            number(var.fields["varattno"])
            for var in _nodes(others, "VAR")
            if number(var.fields["varno"]) == at and id(var) not in plain
        }
        if 0 not in named:
            self._columns = {column: params for column, params in rows.items() if column not in named}


NO_FEED: Final = Feed(None, Shape(18))
"""Of UPDATE and MERGE: what is written is what stands in the assignment itself."""


def _values(entry: Node) -> dict[int, list[Node]]:
    """The parameters in the rows of VALUES, by column."""
    found: dict[int, list[Node]] = {}
    for row in members(entry.fields.get("values_lists")):
        for at, expression in enumerate(members(row), 1):
            value = assigned(expression)
            if isinstance(value, Node) and is_parameter(value):
                found.setdefault(at, []).append(value)
    return found


def _selected(entry: Node, shape: Shape) -> dict[int, list[Node]]:
    """The parameters that a SELECT has as outputs, by column: those that nothing is sorted or told apart by."""
    query = entry.fields.get("subquery")
    if entry.fields.get("rtekind") != _SUBQUERY or not isinstance(query, Node):
        return {}
    found: dict[int, list[Node]] = {}
    for target in shape.nodes(query.fields["targetList"], "TARGETENTRY"):
        value = relabelled(target.fields["expr"])
        sorts = number(target.fields["ressortgroupref"]) != 0 or flag(target.fields["resjunk"])
        if isinstance(value, Node) and is_parameter(value) and not sorts:
            found[number(target.fields["resno"])] = [value]
    return found


def elsewhere(tree: Value, taken: Collection[int]) -> dict[int, int]:
    """All parameters that stand anywhere but in a place that is known, by number, with their types."""
    found = {number(node.fields["cursor_param"]): 0 for node in _nodes([tree], "CURRENTOFEXPR")}
    for param in _nodes([tree], "PARAM"):
        if _is_open(param, taken):
            found[number(param.fields["paramid"])] = number(param.fields["paramtype"])
    return found


def _is_open(param: Node, taken: Collection[int]) -> bool:
    return is_parameter(param) and id(param) not in taken


def _nodes(values: Iterable[Value], label: str) -> list[Node]:
    """Every node of that label, at any depth of any field."""
    found: list[Node] = []
    pending: list[Value] = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, Node):
            if value.label == label:
                found.append(value)
            pending.extend(below for below in value.fields.values() if isinstance(below, Node | list))
    return found
