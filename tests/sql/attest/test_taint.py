"""Forged, damaged and impossible trees are refused; a small honest one is not."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.sql.attest import attestation
from pgmaskproxy.sql.attest.queries import MAX_NESTING
from pgmaskproxy.sql.attest.reader import Node, Value, read, unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest, attest_queries
from tests.sql.attest.building import entry, node, query, target, var
from tests.sql.attest.golden import Case, goldens

ONE = target(var())


def with_query(inner: str, name: str = "w", recursive: str = "false") -> str:
    return node(
        "COMMONTABLEEXPR", ctename=name, ctequery=inner, ctecolnames='("a")', search_clause="<>", cycle_clause="<>",
        cterecursive=recursive, aliascolnames="<>", ctecoltypes="<>", ctecoltypmods="<>", ctecolcollations="<>",
    )  # fmt: skip


def reference(name: str = "w", up: int = 0, itself: str = "false") -> str:
    return entry(0, 1, 6, ctename=name, ctelevelsup=str(up), self_reference=itself, relkind="<>")


def subquery(inner: str, **given: str) -> str:
    return entry(0, 1, 1, subquery=inner, relkind="<>", **given)


def attested(text: str) -> attestation.Attestation:
    return attest(f"({text})", 18, folded=False)


def test_an_honest_tree() -> None:
    found = attested(query(ONE))
    assert found.outputs[0].bare == {(20_000, 1)}
    assert found.reads == {20_000}


def test_a_statement_that_a_rule_leaves_nothing_of() -> None:
    assert attest("<>", 18).command == attest("()", 18).command == "NOTHING"


def test_unknown_versions_are_refused() -> None:
    for major in (14, 19):
        with pytest.raises(Unattestable):
            attest(f"({query(ONE)})", major)


ARMS = entry(0, 1, 1, subquery=query(ONE), relkind="<>")
UNION = node("SETOPERATIONSTMT", op="1", all="true", larg="{RANGETBLREF :rtindex 1}", rarg="{RANGETBLREF :rtindex 2}")
MULTIPLE = node("PARAM", paramkind="3", paramid=str((1 << 16) + 1))
FORGED = {
    "no list": query(ONE).removeprefix("(") and f"{{A}} {query(ONE)}",
    "a column of nothing": query(target(var(1, 2))),
    "a column past the last": query(target(var(4))),
    "a column of a query that is not there": query(target(var(up=1))),
    "a column of a query that is inside": query(target(var(up=-1))),
    "a relation without its OID": query(ONE, "{RANGETBLENTRY :rtekind 0 :eref {ALIAS :aliasname t :colnames ()}}"),
    "an entry of an unknown kind": query(ONE, entry(kind=10)),
    "an entry of no kind": query(ONE, "{RANGETBLENTRY :relid 5}"),
    "a relation with a subquery": query(ONE, entry(subquery=query(ONE))),
    "a result with a function": query(ONE, entry(kind=8, functions="()")),
    "a join of itself": query(ONE, entry(kind=2, joinaliasvars=f"({var()})")),
    "an unknown node": query(target("{PLACEHOLDERVAR :phexpr 1}")),
    "a structure as an expression": query(target("{FROMEXPR :fromlist <> :quals <>}")),
    "a target that is none": query(var()),
    "a utility statement": query(ONE, commandType="6"),
    "a command of an unknown kind": query(ONE, commandType="9"),
    "a query with a utility statement": query(ONE, utilityStmt="{VARIABLESETSTMT}"),
    "an executor's parameter": query(target(node("PARAM", paramkind="1"))),
    "a parameter of an unknown kind": query(target(node("PARAM", paramkind="4"))),
    "a subquery of an unknown kind": query(target(node("SUBLINK", subLinkType="7", subselect=query(ONE)))),
    "a subquery that is none": query(target(node("SUBLINK", subLinkType="4", subselect=var()))),
    "a multiple assignment without its subquery": query(target(MULTIPLE)),
    "sorted by nothing": query(ONE, sortClause=f"({node('SORTGROUPCLAUSE')})"),
    "grouped by nothing": query(target(var(), ressortgroupref="2"), groupClause=f"({node('SORTGROUPCLAUSE')})"),
    "locks on nothing": query(ONE, rowMarks=f"({node('ROWMARKCLAUSE', rti='2')})"),
    "a relation in FROM that is not there": query(
        ONE, jointree="{FROMEXPR :fromlist ({RANGETBLREF :rtindex 2}) :quals <>}"
    ),
    "something else in FROM": query(ONE, jointree=f"{{FROMEXPR :fromlist ({var()}) :quals <>}}"),
    "a set operation of one arm": query(ONE, ARMS, setOperations=UNION),
    "a set operation with an expression over it": query(
        target(node("RELABELTYPE", arg=var())), f"{ARMS} {ARMS}", setOperations=UNION
    ),
    "a set operation with a column of something else": query(target(var(2)), f"{ARMS} {ARMS}", setOperations=UNION),
    "a set operation of relations": query(ONE, f"{entry()} {entry()}", setOperations=UNION),
    "a set operation of different width": query(
        ONE, f"{ARMS} {subquery(query(f'{ONE} {ONE}'))}", setOperations=UNION
    ),
    "a set operation of an unknown kind": query(
        ONE, f"{ARMS} {ARMS}", setOperations=UNION.replace(":op 1", ":op 4")
    ),
    "a WITH query that is not there": query(ONE, reference()),
    "a WITH query of a query that is not there": query(ONE, reference(up=1), cteList=f"({with_query(query(ONE))})"),
    "two WITH queries of one name": query(ONE, cteList=f"({with_query(query(ONE))} {with_query(query(ONE))})"),
    "a WITH query that needs itself without saying so": query(
        ONE, cteList=f"({with_query(query(ONE, reference(up=1)))})"
    ),
    "a recursive query of another width": query(
        ONE, cteList=f"({with_query(query(f'{ONE} {ONE}', reference(up=1, itself='true')))})"
    ),
    "VALUES of different width": query(ONE, entry(0, 1, 5, values_lists=f"(({var()}) ())")),
    "a write to nothing": query(ONE, commandType="2"),
    "a write to a subquery": query(ONE, subquery(query(ONE)), commandType="2", resultRelation="1"),
    "a write to a column that is not there": query(target(var(), resno="4"), commandType="2", resultRelation="1"),
    "a write to a system column": query(target(var(), resno="-1"), commandType="2", resultRelation="1"),
    "ON CONFLICT of an unknown kind": query(
        ONE, commandType="3", resultRelation="1", onConflict=node("ONCONFLICTEXPR", action="3")
    ),
    "ON CONFLICT that excludes the target": query(
        ONE, commandType="3", resultRelation="1", onConflict=node("ONCONFLICTEXPR", action="2", exclRelIndex="1")
    ),
    "MERGE of an unknown kind": query(
        ONE, commandType="5", resultRelation="1", mergeActionList=f"({node('MERGEACTION', commandType='5')})"
    ),
    "two statements": f"{query(ONE)} {query(ONE)}",
    "a rule that adds a SELECT": f"{query(ONE, commandType='4', resultRelation='1')} {query(ONE, querySource='4')}",
    "a rule that RETURNs": query(
        "", commandType="4", resultRelation="1", querySource="2", returningList=f"({ONE})"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_what_no_server_writes_is_refused(text: str) -> None:
    with pytest.raises(Unattestable):
        attested(text)


def test_what_is_forged_is_wrong_in_that_alone() -> None:
    """The parts that the forged trees are made of are attested when they are put together rightly."""
    union = query(ONE, f"{ARMS} {ARMS}", setOperations=UNION)
    assert attested(union).outputs[0].bare == {(20_000, 1)}
    recursive = with_query(query(ONE, reference(up=1, itself="true")), recursive="true")
    assert attested(query(ONE, reference(), cteList=f"({recursive})")).outputs[0].kind.value == "clean"
    assert attested(query(ONE, reference(), cteList=f"({with_query(query(ONE))})")).outputs[0].bare
    assert attested(query(ONE, commandType="2", resultRelation="1")).writes == {(20_000, "UPDATE")}
    assert attested(query(ONE, entry(0, 1, 5, values_lists=f"(({node('CONST')}))"))).outputs
    assert attested(query(ONE, subquery(query(ONE)))).outputs[0].bare
    rule = query(ONE, querySource="4", commandType="3", resultRelation="1")
    assert len(attested(f"{query('', commandType='4', resultRelation='1')} {rule}").writes) == 2


# -- damage: every field of every node counts -------------------------------------------------------------------


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


UNREAD = {"ALIAS"}
"""Names for people: only their number is looked at."""


def walked(value: Value) -> list[Node]:
    """Every node but the names, and the set operation's own list of what it sorts by."""
    return [each for each in nodes(value) if each.label not in UNREAD]


@pytest.mark.parametrize("major", [15, 16, 18])
def test_an_unknown_field_or_label_anywhere_is_refused(major: int) -> None:
    passed: list[str] = []
    for case, version, tree in goldens():
        if version != major or case.refused:
            continue
        text = unfold(tree)
        for at in range(len(walked(read(text)))):
            for damage in ("field", "label"):
                value = read(text)
                one = walked(value)[at]
                if damage == "field":
                    one.fields["newfield"] = "1"
                else:
                    one.label += "X"
                try:
                    attest_queries(value, major)
                except Unattestable:
                    continue
                passed.append(f"{damage} of {one.label} in {case.sql}")
    assert sorted(set(passed)) == []


@given(st.sampled_from([each for each in goldens() if each[1] != 16]), st.integers(0, 2**32))
def test_damaged_trees_raise_nothing_else(golden: tuple[Case, int, str], seed: int) -> None:
    chance = random.Random(seed)
    value = read(unfold(golden[2]))
    everything = nodes(value)
    if not everything:
        return
    other = chance.choice(nodes(read(unfold(golden[2]))))  # of another reading: a tree never has itself inside
    strange: list[Value] = ["0", "-1", "99", "true", "x", None, [], (), (1, 2), other, ["x", None]]
    for _ in range(chance.randint(1, 3)):
        one = chance.choice(everything)
        if chance.random() < 0.2:
            one.label = chance.choice(everything).label
        elif one.fields:
            one.fields[chance.choice(list(one.fields))] = chance.choice(strange)
    with suppress(Unattestable):
        attest_queries(value, golden[1])


# -- how deep, how much -----------------------------------------------------------------------------------------


def nested(depth: int) -> str:
    text = query(ONE)
    for _ in range(depth - 1):
        text = query(ONE, subquery(text))
    return text


def test_nesting_is_bounded() -> None:
    assert attested(nested(MAX_NESTING)).outputs[0].bare
    with pytest.raises(Unattestable) as refused:
        attested(nested(MAX_NESTING + 1))
    assert refused.value.sqlstate == "54001"


def test_expressions_may_be_deep() -> None:
    deep = "{BOOLEXPR :boolop not :location 0 :args (" * 1500 + var() + ")}" * 1500
    assert attested(query(target(deep))).outputs[0].derived == {(20_000, 1)}
    joins = "{RANGETBLREF :rtindex 1}"
    for _ in range(500):
        joins = node("JOINEXPR", larg=joins, rarg="{RANGETBLREF :rtindex 1}", isNatural="false", quals=var(2))
    assert attested(query(ONE, jointree=joins)).uses


def test_work_is_bounded() -> None:
    """Recursive queries inside recursive queries multiply: a budget ends them."""
    both = entry(0, 1, 5, values_lists=f"(({var(relation=2)}) ({var(relation=3)}))", relkind="<>")
    inner = query(ONE, f"{both} {entry()} {reference(up=1, itself='true')}")
    for _ in range(20):
        again = with_query(inner, recursive="true")
        inner = query(ONE, f"{both} {reference()} {reference(up=1, itself='true')}", cteList=f"({again})")
    with pytest.raises(Unattestable) as refused:
        attested(query(ONE, cteList=f"({with_query(inner, recursive='true')})"))
    assert refused.value.sqlstate == "54001"
