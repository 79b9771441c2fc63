"""The judge: what is cached, what is read again, and that nothing old or unknown is ever allowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgmaskproxy.errors import InternalError, Unavailable
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Outcome, Principal, Statement
from pgmaskproxy.proxy import judge as judging
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge, Judgement
from pgmaskproxy.sql.catalog import Catalog
from tests.proxy import known


class Server:
    """Where the catalog is read from. It answers when `open`, with what it had when it was asked."""

    def __init__(self) -> None:
        self.catalog = known.catalog()
        self.error: BaseException | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0

    async def read(self, database: str) -> Catalog:
        assert database == "shop"
        self.asked += 1
        catalog, error = self.catalog, self.error
        await self.open.wait()
        if error is not None:
            raise error
        return catalog


@pytest.fixture
def deep() -> Iterator[DeepThread]:
    thread = DeepThread()
    yield thread
    thread.close()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def judge(deep: DeepThread, server: Server) -> Judge:
    return Judge(known.knowledge(), deep, Metrics(process=False), server.read)


AGENT = known.principal()
STATEMENT = known.statement()
WITH_NEW = known.catalog(known.CUSTOMERS, known.OTHERS, known.table(20003, "secrets", ["ssn"]))
NEW = known.statement("SELECT ssn FROM secrets")


def outcomes(judgement: Judgement) -> list[Outcome]:
    return [ruling.decision.outcome for ruling in judgement.rulings]


def counted(judge: Judge, what: str) -> float:
    return judge._metrics.registry.get_sample_value(f"pgmaskproxy_decision_cache_{what}_total") or 0.0


# --- what is decided ---


def test_who_was_told_something_hears_that_it_is_in_doubt(judge: Judge) -> None:
    heard: list[str] = []
    judge.on_doubt = heard.append
    judge.outdated("shop")
    assert heard == ["shop"]
    assert judge.behind("shop")


async def test_a_statement_is_read_and_decided(judge: Judge) -> None:
    found = await judge.judge(STATEMENT, AGENT)
    (ruling,) = found.rulings
    assert ruling.decision.outcome is Outcome.ALLOW
    assert [mask and mask.label for mask in ruling.decision.masks or ()] == ["pii.ssn"]
    assert (ruling.epoch, ruling.search_path, ruling.sql) == (1, known.PATH, STATEMENT.sql)
    assert found.visibility is not None
    assert found.visibility.masks[20001, 3].label == "pii.ssn"


async def test_each_statement_of_a_query_is_decided_by_itself(judge: Judge) -> None:
    found = await judge.judge(known.statement("SELECT 1; DELETE FROM customers; VACUUM"), AGENT)
    assert outcomes(found) == [Outcome.ALLOW, Outcome.HOLD, Outcome.DENY]
    assert [ruling.sql.strip() for ruling in found.rulings] == ["SELECT 1", "DELETE FROM customers", "VACUUM"]


async def test_parse_takes_one_statement(judge: Judge) -> None:
    found = await judge.judge(known.statement("SELECT 1; SELECT 2", extended=True), AGENT)
    assert found.refusal is not None
    assert found.refusal.sqlstate == "42601"
    assert found.rulings == ()


@pytest.mark.parametrize("sql", ["", "  \n", "-- nothing", ";", "/* */"])
async def test_nothing_is_one_empty_statement_to_parse_and_none_to_a_query(judge: Judge, sql: str) -> None:
    (ruling,) = (await judge.judge(known.statement(sql, extended=True), AGENT)).rulings
    assert (ruling.analysis.kind, ruling.decision.outcome) == ("", Outcome.ALLOW)
    assert (await judge.judge(known.statement(sql), AGENT)).rulings == ()


async def test_what_cannot_be_read_is_refused_with_its_place(judge: Judge) -> None:
    found = await judge.judge(known.statement("SELECT FROM WHERE"), AGENT)
    assert found.refusal is not None
    assert (found.refusal.sqlstate, found.refusal.position) == ("42601", 13)
    assert found.rulings == ()
    assert found.visibility is None


async def test_an_unknown_database_is_refused(judge: Judge) -> None:
    found = await judge.judge(known.statement(database="elsewhere"), AGENT)
    assert found.refusal is not None
    assert found.refusal.sqlstate == "08006"


# --- the cache ---


async def test_the_same_question_is_answered_from_the_cache(judge: Judge) -> None:
    assert judge.cached(STATEMENT, AGENT) is None
    found = await judge.judge(STATEMENT, AGENT)
    assert judge.cached(replace(STATEMENT), replace(AGENT)) is found
    assert (counted(judge, "hits"), counted(judge, "misses")) == (1, 1)


async def test_what_cannot_be_read_is_cached_too(judge: Judge) -> None:
    wrong = known.statement("SELEC 1")
    found = await judge.judge(wrong, AGENT)
    assert judge.cached(wrong, AGENT) is found


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(known.statement("SELECT name FROM customers"), id="text"),
        pytest.param(known.statement(search_path=("pg_catalog", "other")), id="search_path"),
        pytest.param(known.statement(search_path=("shop", "pg_catalog")), id="order of the search_path"),
        pytest.param(known.statement(database="other"), id="database"),
        pytest.param(known.statement(role="somebody"), id="role"),
        pytest.param(known.statement(extended=True), id="protocol"),
    ],
)
async def test_another_statement_is_another_question(judge: Judge, other: Statement) -> None:
    await judge.judge(STATEMENT, AGENT)
    assert judge.cached(other, AGENT) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(known.principal("carol"), id="name"),
        pytest.param(replace(AGENT, groups=frozenset({"fraud"})), id="groups"),
        pytest.param(replace(AGENT, owner="bob"), id="owner"),
        pytest.param(replace(AGENT, address="10.9.9.9"), id="address"),
    ],
)
async def test_another_principal_is_another_question(judge: Judge, other: Principal) -> None:
    await judge.judge(STATEMENT, AGENT)
    assert judge.cached(STATEMENT, other) is None


async def test_an_answer_under_one_search_path_would_be_wrong_under_another(judge: Judge) -> None:
    """`other.customers` has no labels under this policy: what the cache must not confuse."""
    judge.knowledge.reload(
        known.policy(known.POLICY.replace("*.*.ssn", "shop.*.ssn")),
        known.directory(),
        {"shop": known.database(under=known.policy(known.POLICY.replace("*.*.ssn", "shop.*.ssn")))},
    )
    elsewhere = known.statement(search_path=("pg_catalog", "other"))
    clear = await judge.judge(elsewhere, AGENT)
    masked = await judge.judge(STATEMENT, AGENT)
    assert clear.rulings[0].decision.masks == (None,)
    assert [mask and mask.kind for mask in masked.rulings[0].decision.masks or ()] == ["redact"]
    assert judge.cached(elsewhere, AGENT) is clear
    assert judge.cached(STATEMENT, AGENT) is masked


async def test_an_answer_for_one_principal_would_be_wrong_for_another(judge: Judge) -> None:
    carol = known.principal("carol")
    assert (await judge.judge(STATEMENT, carol)).rulings[0].decision.masks == (None,)
    assert judge.cached(STATEMENT, AGENT) is None
    assert (await judge.judge(STATEMENT, AGENT)).rulings[0].decision.masks != (None,)


async def test_an_epoch_s_answers_end_with_it(judge: Judge) -> None:
    await judge.judge(STATEMENT, AGENT)
    knowledge = judge.knowledge
    knowledge.reload(knowledge.now.policy, knowledge.now.directory, knowledge.now.databases)
    assert judge.cached(STATEMENT, AGENT) is None
    assert (await judge.judge(STATEMENT, AGENT)).rulings[0].epoch == 2


async def test_an_answer_that_comes_late_is_kept_under_the_epoch_it_was_given_in(judge: Judge) -> None:
    asked = asyncio.ensure_future(judge.judge(STATEMENT, AGENT))
    await asyncio.sleep(0)
    strict = known.policy(known.POLICY.replace("decide: allow", "decide: deny"))
    judge.knowledge.reload(strict, known.directory(), {"shop": known.database(under=strict)})
    late = await asked
    assert (late.rulings[0].epoch, outcomes(late)) == (1, [Outcome.ALLOW])
    assert judge.cached(STATEMENT, AGENT) is None


async def test_the_cache_is_bounded_and_keeps_what_is_used(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "CACHED", 4)
    await judge.judge(STATEMENT, AGENT)
    for number in range(20):
        await judge.judge(known.statement(f"SELECT ssn AS c{number} FROM customers"), AGENT)
        assert judge.cached(STATEMENT, AGENT) is not None
        assert len(judge._cache) <= 4
    assert judge.cached(known.statement("SELECT ssn AS c19 FROM customers"), AGENT) is not None
    assert judge.cached(known.statement("SELECT ssn AS c0 FROM customers"), AGENT) is None


async def test_long_statements_are_not_kept(judge: Judge) -> None:
    long = known.statement("SELECT 1 -- " + "x" * judging.CACHED_LENGTH)
    assert outcomes(await judge.judge(long, AGENT)) == [Outcome.ALLOW]
    assert judge.cached(long, AGENT) is None


# --- the catalog ---


async def test_what_may_be_out_of_date_is_read_before_the_next_judgement(judge: Judge, server: Server) -> None:
    assert outcomes(await judge.judge(NEW, AGENT)) == [Outcome.DENY]
    moved: list[str] = []
    judge.on_moved = moved.append
    server.catalog = WITH_NEW
    assert judge.cached(NEW, AGENT) is not None
    judge.outdated("shop")
    assert judge.cached(NEW, AGENT) is None
    found = await judge.judge(NEW, AGENT)
    assert outcomes(found) == [Outcome.ALLOW]
    assert found.rulings[0].decision.masks != (None,)
    assert (server.asked, moved) == (1, ["shop"])
    await judge.judge(known.statement("SELECT 2"), AGENT)
    assert server.asked == 1


async def test_a_catalog_that_says_the_same_moves_nothing(judge: Judge, server: Server) -> None:
    before = await judge.judge(STATEMENT, AGENT)
    judge.outdated("shop")
    assert await judge.refresh("shop") is False
    assert judge.cached(STATEMENT, AGENT) is before
    assert server.asked == 1


async def test_an_unknown_relation_makes_it_read_again(judge: Judge, server: Server) -> None:
    server.catalog = WITH_NEW
    found = await judge.judge(NEW, AGENT, refresh=True)
    assert outcomes(found) == [Outcome.ALLOW]
    assert found.visibility is not None
    assert 20003 in found.visibility.known


async def test_it_is_read_once_for_all_who_wait(judge: Judge, server: Server) -> None:
    server.open.clear()
    judge.outdated("shop")
    waiting = [asyncio.ensure_future(judge.judge(known.statement(f"SELECT {n}"), AGENT)) for n in range(5)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    server.open.set()
    await asyncio.gather(*waiting)
    assert server.asked == 1


async def test_a_reading_that_began_before_the_change_does_not_count(judge: Judge, server: Server) -> None:
    server.open.clear()
    judge.outdated("shop")
    early = asyncio.ensure_future(judge.judge(STATEMENT, AGENT))
    await asyncio.sleep(0.01)
    server.catalog = WITH_NEW  # the change is committed only now, and said
    judge.outdated("shop")
    late = asyncio.ensure_future(judge.judge(NEW, AGENT))
    await asyncio.sleep(0.01)
    assert server.asked == 1
    server.open.set()
    await early
    assert outcomes(await late) == [Outcome.ALLOW]
    assert server.asked == 2


async def test_nor_does_one_that_began_before_an_unknown_relation_was_seen(judge: Judge, server: Server) -> None:
    server.open.clear()
    polled = asyncio.ensure_future(judge.refresh("shop"))
    await asyncio.sleep(0.01)
    server.catalog = WITH_NEW
    late = asyncio.ensure_future(judge.judge(NEW, AGENT, refresh=True))
    await asyncio.sleep(0.01)
    server.open.set()
    assert await polled is False
    assert outcomes(await late) == [Outcome.ALLOW]


async def test_nor_does_one_that_has_just_ended(judge: Judge, server: Server) -> None:
    """It has read, and its callbacks are still to run: in just that moment a change is told and a session asks.

    Who was handed the reading that had ended, and asked until one was late enough, never let the callbacks run.
    """
    server.open.clear()
    polled = asyncio.ensure_future(judge.refresh("shop"))
    await asyncio.sleep(0.01)
    ended = judge._refreshing["shop"]
    server.catalog = WITH_NEW
    server.open.set()
    while not ended.done():  # noqa: ASYNC110 - the moment after, step by step
        await asyncio.sleep(0)
    assert judge._refreshing["shop"] is ended, "this is not that moment any more"
    assert await judge.refresh("shop") is True
    assert server.asked == 2
    assert await polled is False


async def test_a_poll_keeps_nobody_waiting(judge: Judge, server: Server) -> None:
    await judge.judge(STATEMENT, AGENT)
    server.open.clear()
    polled = asyncio.ensure_future(judge.refresh("shop"))
    await asyncio.sleep(0.01)
    assert judge.cached(STATEMENT, AGENT) is not None
    assert outcomes(await judge.judge(known.statement("SELECT 1"), AGENT)) == [Outcome.ALLOW]
    server.open.set()
    await polled


async def test_while_it_cannot_be_read_nothing_is_judged(judge: Judge, server: Server) -> None:
    await judge.judge(STATEMENT, AGENT)
    server.error = Unavailable("cannot read the catalog", hint="why")
    judge.outdated("shop")
    for _ in range(2):
        assert judge.cached(STATEMENT, AGENT) is None
        found = await judge.judge(STATEMENT, AGENT)
        assert found.refusal is not None
        assert (found.refusal.sqlstate, found.refusal.hint) == ("08006", "why")
        assert found.rulings == ()
    server.error = None
    assert outcomes(await judge.judge(STATEMENT, AGENT)) == [Outcome.ALLOW]


async def test_nor_when_reading_it_fails_in_another_way(judge: Judge, server: Server) -> None:
    """Ours or the parser's fault: the question stays unanswered, and the next one too."""
    server.error = InternalError("a guard held")
    judge.outdated("shop")
    for _ in range(2):
        with pytest.raises(InternalError):
            await judge.judge(STATEMENT, AGENT)
        assert judge.cached(STATEMENT, AGENT) is None


LOCKED = Unavailable("somebody holds a lock", sqlstate="55P03", hint="wait")


@pytest.mark.parametrize("sql", ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "SET TimeZone = 'UTC'"])
async def test_behind_a_lock_a_transaction_can_still_end(judge: Judge, server: Server, sql: str) -> None:
    """The lock may be this very session's: it must be able to let go."""
    server.error = LOCKED
    judge.outdated("shop")
    assert outcomes(await judge.judge(known.statement(sql), AGENT)) == [Outcome.ALLOW]
    assert outcomes(await judge.judge(known.statement(sql), AGENT, refresh=True)) == [Outcome.ALLOW]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ssn FROM customers",
        "SELECT 1",
        "COMMIT; SELECT ssn FROM customers",
        "SELECT set_config('TimeZone', 'UTC', false)",
        "EXECUTE prepared",
        "FETCH cursor",
        "DISCARD ALL",
    ],
)
async def test_and_nothing_else_is_judged(judge: Judge, server: Server, sql: str) -> None:
    server.error = LOCKED
    judge.outdated("shop")
    found = await judge.judge(known.statement(sql), AGENT)
    assert found.refusal is not None
    assert (found.refusal.sqlstate, found.refusal.hint, found.rulings) == ("55P03", "wait", ())


async def test_when_the_server_is_gone_not_even_that(judge: Judge, server: Server) -> None:
    server.error = Unavailable("cannot read the catalog")
    judge.outdated("shop")
    assert (await judge.judge(known.statement("COMMIT"), AGENT)).rulings == ()


async def test_one_session_s_question_makes_no_other_wait(judge: Judge, server: Server) -> None:
    """It asks for what only it can see yet; if that cannot be read, it alone is refused."""
    await judge.judge(STATEMENT, AGENT)
    server.error = LOCKED
    found = await judge.judge(NEW, AGENT, refresh=True)
    assert found.refusal is not None
    assert judge.cached(STATEMENT, AGENT) is not None
    assert outcomes(await judge.judge(known.statement("SELECT 1"), AGENT)) == [Outcome.ALLOW]


async def test_who_stops_waiting_stops_nobody_else(judge: Judge, server: Server) -> None:
    server.open.clear()
    judge.outdated("shop")
    gone, stays = (asyncio.ensure_future(judge.judge(STATEMENT, AGENT)) for _ in range(2))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.wait({gone})
    server.open.set()
    assert outcomes(await stays) == [Outcome.ALLOW]


async def test_a_failure_that_nobody_waits_for_disturbs_nobody(judge: Judge, server: Server) -> None:
    server.open.clear()
    server.error = Unavailable("cannot read the catalog")
    judge.outdated("shop")
    gone = asyncio.ensure_future(judge.judge(STATEMENT, AGENT))
    await asyncio.sleep(0.01)
    gone.cancel()
    server.open.set()
    await asyncio.sleep(0.01)
    assert judge.cached(STATEMENT, AGENT) is None


async def test_a_catalog_that_is_read_while_a_policy_is_prepared_is_not_lost(
    judge: Judge, server: Server, deep: DeepThread
) -> None:
    server.catalog = WITH_NEW
    other = known.policy(known.POLICY.replace("*.*.ssn", "*.*.name"))
    gate = threading.Event()
    blocked = asyncio.ensure_future(deep.run(gate.wait))
    reading = asyncio.ensure_future(judge.refresh("shop"))
    await asyncio.sleep(0.01)
    relabelling = asyncio.ensure_future(judge.relabel(other))
    await asyncio.sleep(0.01)
    gate.set()
    await blocked
    assert await reading
    assert await relabelling == {"shop": known.database(WITH_NEW, other)}


async def test_a_policy_that_comes_while_a_catalog_is_labelled_counts(
    judge: Judge, server: Server, deep: DeepThread
) -> None:
    server.catalog = WITH_NEW
    gate = threading.Event()
    blocked = deep.run(gate.wait)
    waiting = asyncio.ensure_future(blocked)
    reading = asyncio.ensure_future(judge.refresh("shop"))
    await asyncio.sleep(0.01)  # its labelling waits for the deep thread now
    other = known.policy(known.POLICY.replace("*.*.ssn", "*.*.name"))
    judge.knowledge.reload(other, known.directory(), {"shop": known.database(under=other)})
    gate.set()
    await waiting
    assert await reading
    assert judge.knowledge.now.databases["shop"] == known.database(WITH_NEW, other)
