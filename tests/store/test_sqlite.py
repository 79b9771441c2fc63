"""The SQLite store: what comes back, who waits, what a restart finds."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.request import ApprovalRequest, State, Vote
from pgmaskproxy.errors import ConfigError, Unavailable
from pgmaskproxy.model import Parameter, RuleRef
from pgmaskproxy.store.protocol import Canary, Change, Filter, Token
from pgmaskproxy.store.sqlite import SqliteStore
from tests.approval.making import NOW, make_request, term


def nothing() -> None:
    """No record to write first."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/state.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(url)
    yield made
    await made.close()


async def add(store: SqliteStore, *requests: ApprovalRequest, writer: str = "w1") -> None:
    for request in requests:
        await store.insert(request, writer, [], nothing)


def _approved(request: ApprovalRequest) -> Change | None:
    return Change(State.APPROVED) if request.state is State.PENDING else None


async def test_every_field_comes_back(store: SqliteStore) -> None:
    request = make_request(
        owner=None,
        person="eve",
        kind="human",
        sql="SELECT 'ä\u2028\x01\\' -- \U0001f600",
        parameters=(Parameter(1, 4294967295, "'"), Parameter(2, 0, None)),
        rules=(RuleRef("a"), RuleRef("b", "f.yaml", 3)),
        shown=("x: redact",),
        terms=(term("dba", "x", quorum=2), term("privacy")),
    )
    await add(store, request)
    assert await store.get(request.id) == request
    assert await store.state(request.id) is State.PENDING
    assert await store.get("apr_none") is None
    assert await store.state("apr_none") is None


async def test_everything_survives_a_restart(url: str) -> None:
    store = await SqliteStore.open(url)
    request = make_request()
    await add(store, request)
    vote = Vote("bob", True, "why", NOW + 1, ("dba",))
    changed = await store.change(request.id, lambda _: Change(State.REJECTED, vote, NOW + 2, "note"))
    await store.close()
    again = await SqliteStore.open(url)
    found = await again.get(request.id)
    assert found == changed
    assert found is not None
    assert (found.state, found.votes, found.ended, found.note) == (State.REJECTED, (vote,), NOW + 2, "note")
    await again.close()


async def test_what_step_raises_undoes_everything(store: SqliteStore) -> None:
    request = make_request()

    def fail(*_: object) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError):
        await store.insert(request, "w1", [], fail)
    assert await store.get(request.id) is None
    await add(store, request)
    with pytest.raises(LookupError):
        await store.change(request.id, fail)
    assert await store.get(request.id) == request
    assert await store.change("apr_none", _approved) is None


async def test_a_person_votes_once_each_way(store: SqliteStore) -> None:
    request = make_request()
    await add(store, request)
    vote = Vote("bob", True, "", NOW, ("dba",))
    await store.change(request.id, lambda _: Change(State.PENDING, vote))
    with pytest.raises(Unavailable):
        await store.change(request.id, lambda _: Change(State.APPROVED, vote))
    assert await store.state(request.id) is State.PENDING


async def test_an_id_is_used_once(store: SqliteStore) -> None:
    await add(store, make_request())
    recorded: list[None] = []
    with pytest.raises(Unavailable) as caught:
        await store.insert(make_request(), "w2", [], lambda: recorded.append(None))
    assert recorded == []
    said = f"{caught.value.message} {caught.value.detail}"
    assert "UNIQUE" in said
    assert "INSERT" not in said, "what was to be written is nobody's business"


async def test_one_of_many_writers_wins(url: str, store: SqliteStore) -> None:
    other = await SqliteStore.open(url)
    request = make_request()
    await add(store, request)
    won: list[int] = []

    def step(found: ApprovalRequest) -> Change | None:
        if found.state is not State.PENDING:
            return None
        won.append(1)
        return Change(State.APPROVED)

    await asyncio.gather(*((store, other)[number % 2].change(request.id, step) for number in range(10)))
    assert len(won) == 1
    await other.close()


async def test_a_writer_waits_for_another_process_and_then_gives_up(url: str, tmp_path: Path) -> None:
    store = await SqliteStore.open(url, patience=0.1)
    await add(store, make_request(1))
    other = sqlite3.connect(tmp_path / "state" / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        await add(store, make_request(2))
    assert caught.value.sqlstate == "08006"
    assert "locked" in caught.value.detail
    assert await store.get(make_request(1).id) is not None
    other.execute("COMMIT")
    other.close()
    await add(store, make_request(2))
    await store.close()


async def test_the_loop_is_never_blocked_and_one_thread_does_it_all(store: SqliteStore) -> None:
    names: set[str] = set()
    request = make_request()
    await add(store, request)

    def step(_: ApprovalRequest) -> None:
        names.add(threading.current_thread().name)

    await asyncio.gather(*(store.change(request.id, step) for _ in range(8)))
    assert len(names) == 1
    assert threading.current_thread().name not in names


async def test_durable_and_for_the_owners_eyes(store: SqliteStore, tmp_path: Path) -> None:
    path = tmp_path / "state" / "state.db"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with store._engine.begin() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}


async def test_list_filters_and_pages(store: SqliteStore) -> None:
    requests = [
        make_request(1),
        make_request(2, principal="other", owner="bob"),
        make_request(3, database="hr", rules=(RuleRef("drops"), RuleRef("exports"))),
        make_request(4, terms=(term("privacy"),)),
    ]
    await add(store, *requests)
    await store.change(requests[0].id, _approved)

    async def numbers(which: Filter) -> list[int]:
        page = await store.list(which, 10)
        return [requests.index(next(each for each in requests if each.id == found.id)) + 1 for found in page.requests]

    assert await numbers(Filter()) == [4, 3, 2, 1]
    assert await numbers(Filter(states=frozenset({State.APPROVED}))) == [1]
    assert await numbers(Filter(principal="other")) == [2]
    assert await numbers(Filter(owner="alice")) == [4, 3, 1]
    assert await numbers(Filter(database="hr")) == [3]
    assert await numbers(Filter(rule="drops")) == [3]
    assert await numbers(Filter(rule="exports")) == [4, 3, 2, 1]
    assert await numbers(Filter(group="privacy")) == [4]
    assert await numbers(Filter(group="priv")) == []
    assert await numbers(Filter(group="dba", owner="alice", states=frozenset({State.PENDING}))) == [3]
    assert await numbers(Filter(principal="' OR 1=1 --")) == []

    first = await store.list(Filter(), 3)
    assert first.next is not None
    second = await store.list(Filter(), 3, first.next)
    assert [len(first.requests), len(second.requests), second.next] == [3, 1, None]
    assert (await store.list(Filter(), 4)).next is None
    with pytest.raises(ValueError, match="at least one"):
        await store.list(Filter(), 0)


async def test_due_held_and_counted(store: SqliteStore) -> None:
    early, late, ended = make_request(1), make_request(2, deadline=NOW + 2000), make_request(3)
    await add(store, early, ended)
    await add(store, late, writer="w2")
    await store.change(early.id, _approved)
    await store.change(ended.id, lambda _: Change(State.EXPIRED, ended=NOW))
    assert await store.due(early.deadline - 0.001) == ()
    assert await store.due(early.deadline) == (early.id,)
    assert await store.due(NOW + 3000) == (early.id, late.id)
    assert await store.held_by("w1") == (early.id,)
    assert await store.held_by("w2") == (late.id,)
    counts = [await store.count(state) for state in (State.PENDING, State.APPROVED, State.EXPIRED, State.RELEASED)]
    assert counts == [1, 1, 1, 0]


async def test_tokens(store: SqliteStore) -> None:
    one = Token("tok_1", "bob", "aa", NOW, NOW + 10, "laptop")
    two = Token("tok_2", "bob", "bb", NOW + 1, NOW + 10)
    for token in (one, two):
        await store.add_token(token)
    with pytest.raises(Unavailable):
        await store.add_token(Token("tok_3", "eve", "aa", NOW, NOW))
    assert await store.token("aa") == one
    assert await store.token("cc") is None
    assert await store.tokens_of("bob") == (two, one)
    assert await store.tokens_of("eve") == ()
    assert not await store.revoke_token("tok_1", "eve", NOW + 2)
    assert await store.revoke_token("tok_1", "bob", NOW + 2)
    assert not await store.revoke_token("tok_1", "bob", NOW + 3)
    found = await store.token("aa")
    assert found is not None
    assert found.revoked == NOW + 2


async def test_canaries(url: str, store: SqliteStore) -> None:
    one = Canary("can_1", "937-12-4711", "pii.ssn", "shop", "shop.customers.ssn", NOW)
    two = Canary("can_2", "mara7x3k@post.example", "pii.email", "", "shop.customers.email", NOW + 1)
    assert [await store.add_canary(each) for each in (two, one)] == [True, True]
    assert not await store.add_canary(Canary("can_3", one.value, "", "", "", NOW))
    other = await SqliteStore.open(url)
    assert await other.canaries() == (one, two)
    assert await other.retire_canary("can_1", NOW + 5)
    await other.close()
    assert not await store.retire_canary("can_1", NOW + 6)
    assert not await store.retire_canary("can_9", NOW + 6)
    assert [each.retired for each in await store.canaries()] == [NOW + 5, None]
    assert not await store.add_canary(one), "a value that is known from before would be no surprise"


async def test_the_outbox_gives_each_item_to_one_taker_until_the_lease_ends(url: str, store: SqliteStore) -> None:
    notes = [("c", Notification(f"evt_{n}", "approval.requested", NOW + n, NOW + 900, {"n": n})) for n in range(3)]
    await store.insert(make_request(), "w1", notes, nothing)
    other = await SqliteStore.open(url)
    taken, later = await store.claim(NOW + 1, 60, 10), await other.claim(NOW + 2, 60, 10)
    assert [item.notification for item in (*taken, *later)] == [note for _, note in notes]
    assert await other.claim(NOW + 3, 60, 10) == ()
    await store.settle(taken[0].id, done=True, next_at=NOW, detail="HTTP 200")
    await store.settle(taken[1].id, done=False, next_at=NOW + 5, detail="HTTP 500")
    (again,) = await other.claim(NOW + 5, 60, 10)
    assert (again.notification.id, again.attempts, again.channel) == ("evt_1", 2, "c")
    assert [item.attempts for item in await store.claim(NOW + 62, 60, 10)] == [2]
    assert len(await store.claim(NOW + 500, 60, 1)) == 1
    await other.close()


async def test_ready_and_closed(store: SqliteStore) -> None:
    await store.ready()
    await store.close()
    await store.close()
    with pytest.raises(Unavailable, match="closed"):
        await store.ready()


@pytest.mark.parametrize(
    "bad", ["postgresql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense", "sqlite:///x?mode=ro"]
)
async def test_other_urls_are_refused(bad: str) -> None:
    with pytest.raises(ConfigError):
        await SqliteStore.open(bad)


async def test_a_file_that_is_no_database_and_one_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"this is not a database, but it is long enough to look at" * 20)
    with pytest.raises(Unavailable, match="not a database"):
        await SqliteStore.open(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(Unavailable, match="cannot be opened"):
        await SqliteStore.open(f"sqlite:///{tmp_path}/x.db/y/state.db")
