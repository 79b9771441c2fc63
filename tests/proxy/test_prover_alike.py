"""A proof that holds for other constants: found at once, and only where neither the text's nor the tree's counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Outcome, Ruling
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.prover import Prover
from pgmaskproxy.session.events import Attest
from pgmaskproxy.sql.catalog import Catalog, Function
from tests.proxy import known
from tests.proxy.test_prover import limited, tree
from tests.sql.attest.building import node, query, target

AGENT, FRAUD = known.principal(), known.principal("carol")


@pytest.fixture
def prover() -> Iterator[Prover]:
    async def read(_database: str) -> Catalog:
        return known.catalog()

    deep, metrics = DeepThread(), Metrics(process=False)
    yield Prover(Judge(known.knowledge(), deep, metrics, read), deep, metrics)
    deep.close()


async def ruled(prover: Prover, sql: str) -> Ruling:
    statement = known.statement(sql)
    found = prover._judge.cached(statement, AGENT) or await prover._judge.judge(statement, AGENT)
    return found.rulings[0]


async def asking(prover: Prover, value: int, **changes: object) -> Attest:
    """SELECT of a labelled column with such a LIMIT, and the tree of it."""
    ruling = await ruled(prover, f"SELECT ssn FROM customers LIMIT {value}")
    asked = Attest(1, known.statement(ruling.sql), ruling, limited(value, 20 + value))
    return replace(asked, **changes)  # type: ignore[arg-type]


async def test_a_proof_holds_for_other_constants(prover: Prover) -> None:
    first = await prover.prove(await asking(prover, 1), AGENT)
    asked = await asking(prover, 2)
    found = prover.cached(asked, AGENT)
    assert found is not None
    assert found.ruling is not None
    assert first.ruling is not None
    assert found == await Prover(prover._judge, prover._deep, prover._metrics).prove(asked, AGENT)
    assert found.ruling.sql == "SELECT ssn FROM customers LIMIT 2"
    assert found.ruling.attested == hashlib.sha256(asked.own).hexdigest() != first.ruling.attested
    assert [mask and mask.label for mask in found.ruling.decision.masks or ()] == ["pii.ssn"]


async def test_only_for_the_same_otherwise(prover: Prover) -> None:
    await prover.prove(await asking(prover, 1), AGENT)
    like = await asking(prover, 2)
    assert prover.cached(like, AGENT) is not None
    assert prover.cached(like, FRAUD) is None
    for changes in (
        {"own": tree(2)},
        {"own": b"({QUERY\n\n"},
        {"own": b"\xff"},
        {"nested": (tree(),)},
        {"redefined": True},
        {"anew": True},
        {"statement": replace(like.statement, role="somebody")},
        {"statement": replace(like.statement, unmask="ssn")},
        {"ruling": replace(like.ruling, epoch=2)},
        {"ruling": replace(like.ruling, general=False)},
        # The same words, but another reading of them.
        {"ruling": replace(like.ruling, analysis=replace(like.ruling.analysis))},
    ):
        assert prover.cached(replace(like, **changes), AGENT) is None
    prover._judge.outdated("shop")
    assert prover.cached(like, AGENT) is None
    await prover._judge.catch_up("shop")
    prover._judge.knowledge.reload(known.policy(), known.directory(), {"shop": known.database()})
    assert prover.cached(like, AGENT) is None


async def test_what_was_proven_of_an_open_transaction_holds_for_nothing_else(prover: Prover) -> None:
    for changes in ({"redefined": True}, {"nested": (tree(2),)}):
        await prover.prove(await asking(prover, 1, **changes), AGENT)
        assert prover.cached(await asking(prover, 2), AGENT) is None


async def test_not_where_a_constant_of_the_text_counts(prover: Prover) -> None:
    """Its tree may be the same but for constants: the text's masks are by what it names."""
    first = await ruled(prover, "SELECT ssn FROM customers ORDER BY 1")
    await prover.prove(Attest(1, known.statement(first.sql), first, limited(1, 20)), AGENT)
    other = replace(first, sql="SELECT ssn FROM customers ORDER BY 2")
    assert prover.cached(Attest(1, known.statement(other.sql), other, limited(2, 20)), AGENT) is None


async def test_not_where_a_function_could_choose_data_by_them(prover: Prover) -> None:
    """One that the operator vouches for may read, and its arguments say what."""
    function = Function(20_100, "shop", "f", "", volatility="s")
    trusting = replace(known.catalog(), functions=(function,), trusted=frozenset({20_100}))
    prover._judge.knowledge.learn("shop", known.database(trusting))

    def called(value: int) -> bytes:
        constant = node(
            "CONST", consttype="25", constlen="4", constbyval="true", constisnull="false",
            constvalue=f"4 [ {value} 0 0 0 ]",
        )  # fmt: skip
        call = node("FUNCEXPR", funcid="20100", funcresulttype="25", args=f"({constant})")
        return f"({query(target(call))})\n".replace("20000", "20001").encode()

    first = await prover.prove(await asking(prover, 1, own=called(1)), AGENT)
    assert first.ruling is not None
    assert (first.ruling.decision.outcome, first.independent) == (Outcome.ALLOW, False)
    assert prover.cached(await asking(prover, 2, own=called(2)), AGENT) is None


async def test_not_of_what_is_refused(prover: Prover) -> None:
    refused = await prover.prove(await asking(prover, 1, own=limited(1, 9).replace(b":funcid", b":x")), FRAUD)
    assert refused.ruling is None or refused.ruling.decision.outcome is Outcome.ALLOW
    assert prover.cached(await asking(prover, 2, own=limited(2, 9).replace(b":funcid", b":x")), AGENT) is None
