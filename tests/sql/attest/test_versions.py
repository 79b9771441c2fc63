"""The one table of versions, against the trees of real servers."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.attest.reader import Node, Value, read, unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.versions import COUNT, EQUALITY, MAJORS, OPTIONAL, fields_of
from tests.sql.attest.golden import goldens
from tests.sql.attest.server import Trees


def nodes(value: Value) -> list[Node]:
    found: list[Node] = []
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, Node):
            found.append(one)
            pending.extend(one.fields.values())
        elif isinstance(one, list):
            pending.extend(one)
    return found


def test_unknown_majors_are_refused() -> None:
    assert MAJORS == (15, 16, 17, 18)
    for major in (0, 14, 19):
        with pytest.raises(Unattestable):
            fields_of(major)


def test_every_node_of_every_golden_tree_is_in_the_table() -> None:
    for case, major, tree in goldens():
        for node in nodes(read(unfold(tree))):
            known = fields_of(major)[node.label]
            assert node.fields.keys() <= known, (case.sql, major, node.label)
            assert node.fields.keys() == known or node.label in OPTIONAL, (case.sql, major, node.label)


NEVER_WRITTEN = {
    "COERCETODOMAINVALUE": "only inside a domain's own constraint",
    "JSONTABLEPATH": "17 and later, in JSON_TABLE",
    "JSONTABLEPATHSCAN": "",
    "JSONTABLESIBLINGJOIN": "",
    "SETTODEFAULT": "replaced by the rewriter",
}


@pytest.mark.parametrize("major", [15, 18])
def test_the_golden_trees_have_nearly_every_node(major: int) -> None:
    met = {node.label for _, version, tree in goldens() if version == major for node in nodes(read(unfold(tree)))}
    missing = fields_of(major).keys() - met - NEVER_WRITTEN.keys()
    if major == 18:
        missing -= {"XMLEXPR"}  # the wheel is built without libxml
    assert missing == set()


def test_what_differs_is_what_the_release_notes_say() -> None:
    assert "extraUpdatedCols" in fields_of(15)["RANGETBLENTRY"]
    assert "extraUpdatedCols" not in fields_of(16)["RANGETBLENTRY"]
    assert "mergeJoinCondition" in fields_of(17)["QUERY"]
    assert "mergeJoinCondition" not in fields_of(16)["QUERY"]
    assert "varreturningtype" in fields_of(18)["VAR"]
    assert "varreturningtype" not in fields_of(17)["VAR"]
    assert "JSONEXPR" in fields_of(17)
    assert "JSONEXPR" not in fields_of(16)
    assert fields_of(17)["ROWCOMPAREEXPR"] ^ fields_of(18)["ROWCOMPAREEXPR"] == {"rctype", "cmptype"}


def test_equality_and_count_are_the_servers(trees: Trees) -> None:
    found = trees.connection.execute(
        "SELECT oid::int8 FROM pg_operator WHERE oprname = '=' AND oprnamespace = 'pg_catalog'::regnamespace"
        " AND oprresult = 'bool'::regtype AND (oprcanmerge OR oprcanhash) AND oid < 10000"
    )
    assert {oid for (oid,) in found} == EQUALITY
    count = trees.connection.execute("SELECT 'count(\"any\")'::regprocedure::oid::int8").fetchone()
    assert count == (COUNT,)
