"""The server's trees, decided: what is kept, under which keys, and that nothing unproven is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Analysis, Decision, Effect, Opaque, Outcome, Ruling
from pgmaskproxy.proxy import prover as proving
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.prover import Prover
from pgmaskproxy.session.events import Attest
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.catalog import Catalog, Function
from tests.proxy import known
from tests.sql.attest.building import entry, node, query, target, var
from tests.sql.conftest import interpreted

AGENT, FRAUD = known.principal(), known.principal("carol")
STATEMENT = known.statement("SELECT ssn FROM customers")
TEXT = Ruling(
    STATEMENT.sql,
    0,
    Analysis("SelectStmt", frozenset({Effect.READ}), outputs=(Opaque("not read"),), opaque="not read"),
    Decision(Outcome.DENY),
    1,
    known.PATH,
)
WITH_NEW = known.catalog(known.CUSTOMERS, known.OTHERS, known.table(20003, "secrets", ["ssn"]))


def tree(column: int = 3, relation: int = 20_001, **given: str) -> bytes:
    """SELECT of one column."""
    return f"({query(target(var(column)), entry(relation, 3), **given)})\n".encode()


def asked(own: bytes, *nested: bytes, ruling: Ruling = TEXT) -> Attest:
    return Attest(1, STATEMENT, ruling, own, nested)


def limited(value: int, location: int) -> bytes:
    """The same with LIMIT and a constant at some place."""
    constant = node(
        "CONST", consttype="20", constlen="8", constbyval="true", constisnull="false", location=str(location),
        constvalue=f"8 [ {value} 0 0 0 0 0 0 0 ]",
    )  # fmt: skip
    return tree(limitCount=constant)


class Server:
    def __init__(self) -> None:
        self.catalog = known.catalog()
        self.error: BaseException | None = None
        self.asked = 0

    async def read(self, database: str) -> Catalog:
        assert database == "shop"
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.catalog


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def prover(server: Server) -> Iterator[Prover]:
    deep, metrics = DeepThread(), Metrics(process=False)
    yield Prover(Judge(known.knowledge(), deep, metrics, server.read), deep, metrics)
    deep.close()


async def test_a_tree_decides_what_the_text_could_not(prover: Prover) -> None:
    found = await prover.prove(asked(tree()), AGENT)
    assert found.ruling is not None
    assert found.ruling.decision.outcome is Outcome.ALLOW
    assert [mask and mask.label for mask in found.ruling.decision.masks or ()] == ["pii.ssn"]
    assert len(found.ruling.attested) == 64
    clear = await prover.prove(asked(tree()), FRAUD)
    assert clear.ruling is not None
    assert clear.ruling.decision.masks == (None,)


async def test_a_damaged_tree_proves_nothing(prover: Prover) -> None:
    for own in (b"", b"\xff", b"({QUERY", tree().replace(b"QUERY", b"QUACK"), tree()[:-3]):
        found = await prover.prove(asked(own), AGENT)
        assert found.ruling is None
        assert found.refusal is not None
        assert found.refusal.sqlstate == "0A000"
    assert prover.cached(asked(b""), AGENT) is None


async def test_what_was_proven_is_found_under_exactly_the_same(prover: Prover) -> None:
    first = await prover.prove(asked(tree()), AGENT)
    assert prover.cached(asked(tree()), AGENT) is first
    for other in (
        asked(tree(2)),
        asked(tree(), tree()),
        replace(asked(tree()), statement=replace(STATEMENT, sql="SELECT 1")),
        replace(asked(tree()), ruling=replace(TEXT, epoch=2)),
    ):
        assert prover.cached(other, AGENT) is None
    assert prover.cached(asked(tree()), FRAUD) is None
    prover._judge.knowledge.learn("shop", known.database(WITH_NEW))
    assert prover.cached(asked(tree()), AGENT) is None


async def test_trees_that_differ_in_constants_alone_are_read_once(prover: Prover) -> None:
    with patch.object(proving, "attest", wraps=attest) as reading:
        await prover.prove(asked(limited(1, 20)), AGENT)
        await prover.prove(asked(limited(2, 31)), AGENT)
        assert reading.call_count == 1
        await prover.prove(asked(tree()), AGENT)
        assert reading.call_count == 2


async def test_not_where_a_function_could_choose_data_by_them(prover: Prover) -> None:
    """table_to_xml('orders') and table_to_xml('customers') differ in a constant alone (DESIGN 3)."""

    def called(value: int) -> bytes:
        constant = node(
            "CONST", consttype="2205", constlen="4", constbyval="true", constisnull="false",
            constvalue=f"4 [ {value} 0 0 0 ]",
        )  # fmt: skip
        call = node("FUNCEXPR", funcid="2923", funcresulttype="142", args=f"({constant})")
        return f"({query(target(call))})\n".replace("20000", "20001").encode()

    with patch.object(proving, "attest", wraps=attest) as reading:
        first = await prover.prove(asked(called(1)), AGENT)
        await prover.prove(asked(called(2)), AGENT)
        assert reading.call_count == 2
    assert first.ruling is not None
    assert first.ruling.decision.outcome is Outcome.DENY


async def test_an_unknown_relation_makes_the_catalog_be_read_once_more(prover: Prover, server: Server) -> None:
    found = await prover.prove(asked(tree(1, 20_003)), AGENT)
    assert (found.ruling, server.asked) == (None, 1)
    assert found.refusal is proving.UNKNOWN_RELATION
    server.catalog = WITH_NEW
    found = await prover.prove(asked(tree(1, 20_003)), AGENT)
    assert found.ruling is not None
    assert [mask and mask.label for mask in found.ruling.decision.masks or ()] == ["pii.ssn"]


async def test_a_catalog_that_cannot_be_read_is_the_answer(prover: Prover, server: Server) -> None:
    server.error = Unavailable("the upstream server cannot be reached")
    found = await prover.prove(asked(tree(1, 20_003)), AGENT)
    assert found.refusal is not None
    assert found.refusal.message == "the upstream server cannot be reached"


async def test_nothing_is_taken_from_before_while_the_catalog_is_in_doubt(prover: Prover, server: Server) -> None:
    await prover.prove(asked(tree()), AGENT)
    prover._judge.outdated("shop")
    assert prover.cached(asked(tree()), AGENT) is None
    server.error = Unavailable("the catalog cannot be read", sqlstate="55P03")
    found = await prover.prove(asked(tree()), AGENT)
    assert found.refusal is not None
    assert found.refusal.sqlstate == "55P03"
    server.error = None
    assert (await prover.prove(asked(tree()), AGENT)).ruling is not None
    assert server.asked == 2
    assert prover.cached(asked(tree()), AGENT) is not None


async def test_a_statement_that_was_analysed_anew_is_the_servers_sign_that_definitions_changed(
    prover: Prover, server: Server
) -> None:
    await prover.prove(asked(tree()), AGENT)
    assert prover.cached(replace(asked(tree()), anew=True), AGENT) is None
    server.catalog = known.catalog(known.CUSTOMERS, known.table(20_002, "customers", ["id", "ssn", "name"], "other"))
    anew = replace(asked(tree(2, 20_002)), anew=True)
    assert prover.cached(anew, AGENT) is None
    found = await prover.prove(anew, AGENT)
    assert server.asked == 1
    assert found.ruling is not None
    assert [mask and mask.label for mask in found.ruling.decision.masks or ()] == ["pii.ssn"]


async def test_trees_of_functions_are_judged_with_it(prover: Prover) -> None:
    found = await prover.prove(asked(tree(2), tree(3)), AGENT)
    assert found.ruling is not None
    assert found.ruling.decision.outcome is Outcome.DENY
    assert (await prover.prove(asked(tree(2), b"()x"), AGENT)).ruling is None


async def test_what_was_redefined_in_an_open_transaction_is_trusted_no_more(prover: Prover) -> None:
    function = Function(20_100, "shop", "f", "", volatility="i")
    trusting = replace(known.catalog(), functions=(function,), trusted=frozenset({20_100}))
    prover._judge.knowledge.learn("shop", known.database(trusting))
    call = node("FUNCEXPR", funcid="20100", funcresulttype="25")
    own = asked(f"({query(target(call))})\n".replace("20000", "20001").encode())
    trusted = await prover.prove(own, AGENT)
    assert trusted.ruling is not None
    assert trusted.ruling.decision.outcome is Outcome.ALLOW
    assert trusted.independent
    doubtful = replace(own, redefined=True)
    assert prover.cached(doubtful, AGENT) is None
    found = await prover.prove(doubtful, AGENT)
    assert found.ruling is not None
    assert found.ruling.decision.outcome is Outcome.DENY
    assert not found.independent


async def test_large_trees_are_not_kept(prover: Prover) -> None:
    large = query(
        target(var(3)), entry(20_001, 3, eref='{ALIAS :aliasname %s :colnames ("a" "b" "c")}' % ("t" * 70_000))
    )
    own = f"({large})\n".encode()
    assert len(own) > proving.CACHED_BYTES
    assert (await prover.prove(asked(own), AGENT)).ruling is not None
    assert prover.cached(asked(own), AGENT) is None


async def test_the_caches_are_bounded(prover: Prover) -> None:
    with patch.object(proving, "CACHED", 2):
        for column in (1, 2, 3):
            await prover.prove(asked(tree(column)), AGENT)
    assert len(prover._proofs) == len(prover._trees) == 2
    assert prover.cached(asked(tree(1)), AGENT) is None
    assert prover.cached(asked(tree(3)), AGENT) is not None


async def test_a_small_tree_is_read_at_once_and_as_ever(prover: Prover) -> None:
    await prover._judge.judge(STATEMENT, AGENT)
    assert prover.at_once(asked(tree()), AGENT) is None, "what it is held against has not been made"
    await prover.prove(asked(tree(2)), AGENT)
    found = prover.at_once(asked(tree()), AGENT)
    assert found is not None
    assert prover.cached(asked(tree()), AGENT) is found
    assert found == await prover.prove(asked(tree()), AGENT)


async def test_what_is_not_small_or_not_plain_is_not_read_at_once(prover: Prover) -> None:
    await prover.prove(asked(tree()), AGENT)
    await prover._judge.judge(STATEMENT, AGENT)
    many = "".join(target(var(2)) for _ in range(proving.SMALL_STEPS))
    for other in (
        asked(tree(2), tree()),
        replace(asked(tree(2)), redefined=True),
        replace(asked(tree(2)), anew=True),
        asked(tree(2, relation=29_999)),
        asked(b"({QUERY"),
        asked(f"({query(many, entry(20_001, 3))})\n".encode()),
    ):
        assert prover.at_once(other, AGENT) is None
    assert prover.at_once(asked(tree(2)), FRAUD) is None, "what she sees has not been made"
    prover._judge.has_room = False
    assert prover.at_once(asked(tree(2)), AGENT) is None
    prover._judge.has_room = True
    prover._judge.outdated("shop")
    assert prover.at_once(asked(tree(2)), AGENT) is None


@interpreted
async def test_a_tree_that_takes_many_steps_is_not_read_at_once(
    prover: Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prover.prove(asked(tree()), AGENT)
    await prover._judge.judge(STATEMENT, AGENT)
    monkeypatch.setattr(proving, "SMALL_STEPS", 3)
    assert prover.at_once(asked(tree(2)), AGENT) is None
    monkeypatch.undo()
    assert prover.at_once(asked(tree(2)), AGENT) is not None
