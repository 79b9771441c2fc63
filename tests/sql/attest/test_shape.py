"""Fields of the wrong kind, missing or unknown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgmaskproxy.sql.attest.reader import Node, Value, read
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.shape import Shape, field, flag, members, number, numbers, type_of
from tests.sql.attest.building import node, query, target, var

SHAPE = Shape(18)
VALUES: list[Value] = [None, "7", "true", "x", [], (1, 2), Node("VAR")]


@pytest.mark.parametrize(
    ("function", "good"),
    [
        (number, {"7"}),
        (flag, {"true"}),
        (members, {"None", "[]"}),
        (numbers, {"None", "(1, 2)"}),
    ],
)
def test_every_other_kind_is_refused(function: Callable[[Value], object], good: set[str]) -> None:
    for value in VALUES:
        if str(value) in good:
            function(value)
        else:
            with pytest.raises(Unattestable):
                function(value)


def parsed(text: str) -> Node:
    found = read(text)
    assert isinstance(found, Node)
    return found


def test_exactly_the_known_fields() -> None:
    good = parsed(var())
    SHAPE.check(good)
    for name in list(good.fields):
        missing = parsed(var())
        del missing.fields[name]
        with pytest.raises(Unattestable, match="lacks"):
            SHAPE.check(missing)
    good.fields["varnew"] = "1"
    with pytest.raises(Unattestable, match="unknown field"):
        SHAPE.check(good)
    with pytest.raises(Unattestable, match="unknown kind"):
        SHAPE.check(Node("PLACEHOLDERVAR"))
    with pytest.raises(Unattestable, match="unknown field"):
        Shape(15).check(parsed(var()))


def test_a_range_table_entry_may_lack_fields_but_have_none_more() -> None:
    SHAPE.check(parsed("{RANGETBLENTRY :rtekind 0}"))
    with pytest.raises(Unattestable):
        SHAPE.check(parsed("{RANGETBLENTRY :rtekind 0 :fromelsewhere <>}"))
    with pytest.raises(Unattestable):
        field(parsed("{RANGETBLENTRY :rtekind 0}"), "relid")


def test_nodes_of_one_label() -> None:
    assert len(SHAPE.nodes(read(f"({var()} {var()})"), "VAR")) == 2
    for wrong in (f"({var()} 7)", "7", f"({node('PARAM')})"):
        with pytest.raises(Unattestable):
            SHAPE.nodes(read(wrong), "VAR")


@pytest.mark.parametrize(
    ("text", "oid"),
    [
        (node("VAR", vartype="25"), 25),
        (node("CONST", consttype="23"), 23),
        (node("COLLATEEXPR", arg=node("VAR", vartype="25")), 25),
        (node("BOOLEXPR"), 16),
        (node("SUBLINK", subLinkType="0"), 16),
        (node("SUBLINK", subLinkType="6"), 0),
        (node("SUBLINK", subLinkType="4", subselect=query(target(node("VAR", vartype="1082")))), 1082),
        (node("JSONCONSTRUCTOREXPR", returning=node("JSONRETURNING", typid="114")), 114),
        (node("COLLATEEXPR"), 0),
        (node("CURRENTOFEXPR"), 16),
        (node("GROUPINGFUNC"), 0),
        ("<>", 0),
    ],
)
def test_type_of(text: str, oid: int) -> None:
    assert type_of(read(text)) == oid


def test_type_of_something_very_deep_is_unknown() -> None:
    assert type_of(read("{COLLATEEXPR :arg " * 200 + "<>" + "}" * 200)) == 0
