"""Which notice is the tree: by its fields, and as real servers send them."""

from __future__ import annotations

import psycopg
import pytest

from pgmaskproxy.sql.attest.notice import Fields, at_bind, at_parse, is_tree, trees
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest
from tests.sql.attest.server import Trees

OWN: Fields = {
    b"S": b"LOG",
    b"V": b"LOG",
    b"C": b"00000",
    b"M": b"rewritten parse tree:",
    b"D": b"({A})",
    b"F": b"print.c",
    b"L": b"85",
    b"R": b"elog_node_display",
}
NESTED = {**OWN, b"D": b"({B})", b"W": b'SQL function "f" during inlining'}
FORGED = {**OWN, b"F": b"pl_exec.c", b"R": b"exec_stmt_raise", b"D": b"({C})"}


def test_one_of_its_own_among_others() -> None:
    for order in ([NESTED, OWN, NESTED, FORGED], [FORGED, OWN, NESTED, NESTED]):
        found = at_parse(order)
        assert (found.own, found.nested) == ("({A})", ("({B})", "({B})"))


def test_several_are_refused() -> None:
    for function in (trees, at_parse, lambda notices: at_bind(notices, "x")):
        with pytest.raises(Unattestable, match="several"):
            function([OWN, NESTED, OWN])


@pytest.mark.parametrize("notices", [[], [NESTED], [FORGED], [{}]])
def test_none_is_refused_at_parse_and_the_last_stands_at_bind(notices: list[Fields]) -> None:
    with pytest.raises(Unattestable, match="no tree"):
        at_parse(notices)
    assert at_bind(notices, "last").own == "last"


def test_a_new_one_at_bind_replaces_the_last() -> None:
    assert at_bind([OWN], "last").own == "({A})"
    assert at_bind([NESTED], "last").nested == ("({B})",)


@pytest.mark.parametrize("code", [b"V", b"M", b"F", b"R"])
def test_every_field_counts(code: bytes) -> None:
    assert is_tree(OWN)
    assert not is_tree({**OWN, code: b"x"})
    assert not is_tree({key: value for key, value in OWN.items() if key != code})


def test_an_empty_context_is_a_context() -> None:
    assert trees([{**OWN, b"W": b""}]).own is None


@pytest.mark.parametrize("detail", [None, b"\xff"])
def test_a_tree_without_readable_text_is_refused(detail: bytes | None) -> None:
    fields = {key: value for key, value in OWN.items() if key != b"D"}
    with pytest.raises(Unattestable):
        trees([fields if detail is None else {**fields, b"D": detail}])


# -- as servers send them ---------------------------------------------------------------------------------------


def test_a_statement_sends_one(trees: Trees) -> None:
    found = at_parse(trees.parse("SELECT ssn FROM customers"))
    assert found.own is not None
    assert found.nested == ()
    assert attest(found.own, trees.major).outputs[0].bare


def test_a_forged_one_is_none(trees: Trees) -> None:
    trees.connection.execute("SELECT forges()")
    forged = [fields for fields in trees.notices if fields.get(b"M") == b"rewritten parse tree:"]
    assert any(fields[b"F"] == b"pl_exec.c" for fields in forged)
    own = at_parse(trees.notices).own
    assert own is not None
    assert own.startswith("({QUERY :")


def test_functions_send_nested_ones_at_bind(trees: Trees) -> None:
    trees.parse("SELECT inlined(7)")
    trees.notices.clear()
    connection = trees.connection.pgconn
    result = connection.exec_prepared(b"", [])
    assert result.status == psycopg.pq.ExecStatus.TUPLES_OK
    found = at_bind(trees.notices, "the tree of Parse")
    assert found.own == "the tree of Parse"
    assert found.nested
    assert any(attest(tree, trees.major).reads for tree in found.nested)


def test_a_silenced_session_attests_nothing(trees: Trees) -> None:
    trees.connection.execute("SET client_min_messages = error")
    with pytest.raises(Unattestable):
        at_parse(trees.parse("SELECT 1"))
