"""Reading a node's fields, each of the kind that it must be: whatever is not makes the tree unattestable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.versions import OPTIONAL, fields_of

_RESULT_TYPE: Final[Mapping[str, str]] = {
    "VAR": "vartype",
    "CONST": "consttype",
    "PARAM": "paramtype",
    "AGGREF": "aggtype",
    "WINDOWFUNC": "wintype",
    "FUNCEXPR": "funcresulttype",
    "OPEXPR": "opresulttype",
    "SUBSCRIPTINGREF": "refrestype",
    "FIELDSELECT": "resulttype",
    "RELABELTYPE": "resulttype",
    "COERCEVIAIO": "resulttype",
    "ARRAYCOERCEEXPR": "resulttype",
    "CONVERTROWTYPEEXPR": "resulttype",
    "COERCETODOMAIN": "resulttype",
    "CASEEXPR": "casetype",
    "CASETESTEXPR": "typeId",
    "COALESCEEXPR": "coalescetype",
    "MINMAXEXPR": "minmaxtype",
    "ARRAYEXPR": "array_typeid",
    "ROWEXPR": "row_typeid",
    "SQLVALUEFUNCTION": "type",
    "XMLEXPR": "type",
    "NULLIFEXPR": "opresulttype",
    "FIELDSTORE": "resulttype",
    "SETTODEFAULT": "typeId",
    "COERCETODOMAINVALUE": "typeId",
    "NEXTVALUEEXPR": "typeId",
    "MERGESUPPORTFUNC": "msftype",
    "JSONRETURNING": "typid",
}
_TYPED_BELOW: Final[Mapping[str, str]] = {
    "COLLATEEXPR": "arg",
    "NAMEDARGEXPR": "arg",
    "RETURNINGEXPR": "retexpr",
    "JSONVALUEEXPR": "formatted_expr",
    "JSONCONSTRUCTOREXPR": "returning",
    "JSONEXPR": "returning",
    "TARGETENTRY": "expr",
}
_BOOLEAN: Final = frozenset(
    {
        "BOOLEXPR", "NULLTEST", "BOOLEANTEST", "SCALARARRAYOPEXPR", "DISTINCTEXPR", "ROWCOMPAREEXPR", "JSONISPREDICATE",
        "CURRENTOFEXPR",
    }
)  # fmt: skip
_BOOL_OID: Final = 16
_EXPRESSION_SUBLINK, _ARRAY_SUBLINK = 4, 6  # SubLinkType


@final
class Shape:
    """The nodes of one major version. Raises Unattestable for an unknown one."""

    __slots__ = ("_fields",)

    def __init__(self, major: int) -> None:
        self._fields = fields_of(major)

    def check(self, node: Node) -> None:
        """Raise Unattestable unless the node has exactly the fields that it must have."""
        known = self._fields.get(node.label)
        if known is None:
            raise Unattestable(f"the server's tree has a node of an unknown kind, {node.label[:60]}")
        fields = node.fields
        if fields.keys() == known:
            return
        strange = fields.keys() - known
        if strange:
            raise Unattestable(f"{node.label} has an unknown field, {min(strange)[:60]}")
        if node.label not in OPTIONAL:
            raise Unattestable(f"{node.label} lacks the field {min(known.difference(fields))}")

    def node(self, value: Value, label: str) -> Node:
        """A node of that label, checked."""
        if not isinstance(value, Node) or value.label != label:
            raise Unattestable(f"a {label} was expected in the server's tree")
        self.check(value)
        return value

    def nodes(self, value: Value, label: str) -> list[Node]:
        """A list of such nodes; none for `<>`."""
        return [self.node(member, label) for member in members(value)]


def members(value: Value) -> list[Value]:
    """A list's members; none for `<>`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unattestable("a list was expected in the server's tree")
    return value


def number(value: Value) -> int:
    """A whole number."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise Unattestable("a number was expected in the server's tree")


def numbers(value: Value) -> tuple[int, ...]:
    """A list of numbers or OIDs; none for `<>`."""
    if value is None:
        return ()
    if not isinstance(value, tuple):
        raise Unattestable("a list of numbers was expected in the server's tree")
    return value


def flag(value: Value) -> bool:
    """A truth value."""
    if value == "true":
        return True
    if value == "false":
        return False
    raise Unattestable("a truth value was expected in the server's tree")


def field(node: Node, name: str) -> Value:
    """A field that a node of this kind must have."""
    if name not in node.fields:
        raise Unattestable(f"{node.label} lacks the field {name}")
    return node.fields[name]


def type_of(value: Value) -> int:
    """The OID of an expression's type, 0 where its node does not say."""
    for _ in range(100):
        if not isinstance(value, Node):
            return 0
        label = value.label
        if label in _TYPED_BELOW:
            value = value.fields.get(_TYPED_BELOW[label])
        elif label == "SUBLINK":
            if number(value.fields.get("subLinkType")) != _EXPRESSION_SUBLINK:
                return 0 if number(value.fields.get("subLinkType")) == _ARRAY_SUBLINK else _BOOL_OID
            query = value.fields.get("subselect")
            targets = members(query.fields.get("targetList")) if isinstance(query, Node) else []
            value = targets[0] if targets else None
        elif label in _BOOLEAN:
            return _BOOL_OID
        else:
            name = _RESULT_TYPE.get(label)
            return number(value.fields.get(name)) if name is not None else 0
    return 0
