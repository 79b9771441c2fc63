"""The store in one SQLite file: WAL, synchronous=FULL, every call on one thread of the store's own.

A write transaction is BEGIN IMMEDIATE, so that nothing, in this process or another, comes between
reading a request and changing it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    StaticPool,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.request import OPEN, ApprovalRequest, State
from pgmaskproxy.errors import ConfigError, Problem, Unavailable
from pgmaskproxy.model import Charge
from pgmaskproxy.store import budgets, labels
from pgmaskproxy.store.protocol import Canary, Change, Exhausted, Filter, Key, OutboxItem, Page, Remembered, Token
from pgmaskproxy.store.rows import (
    canary_from,
    canary_row,
    outbox_from,
    outbox_row,
    request_from,
    request_row,
    token_from,
    token_row,
    vote_row,
)
from pgmaskproxy.store.schema import CANARIES, NEWEST, OUTBOX, REQUESTS, TOKENS, VOTES

_P = ParamSpec("_P")
_T = TypeVar("_T")
_OPEN = [state.value for state in OPEN]


class SqliteStore:
    """A `Store` in a SQLite file. Make one with `await SqliteStore.open(url)`."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._reader = engine.execution_options(begin="BEGIN")
        self._thread = thread
        self._closed = False

    @classmethod
    async def open(cls, url: str, *, patience: float = 5.0) -> SqliteStore:
        """Open the file that `url` (`sqlite:////var/lib/x/state.db`) names, make or upgrade its tables.

        `patience` is how many seconds to wait for another process's transaction. Raises ConfigError
        for another kind of URL and for a file a newer version wrote, Unavailable when it cannot be used.
        """
        path = _path_of(url)
        thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            engine = await asyncio.get_running_loop().run_in_executor(thread, _connect, url, path, patience)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(engine, thread)

    async def insert(
        self,
        request: ApprovalRequest,
        writer: str,
        notifications: Sequence[tuple[str, Notification]],
        first: Callable[[], None],
    ) -> None:
        def work() -> None:
            with self._engine.begin() as connection:
                connection.execute(insert(REQUESTS), [request_row(request, writer)])
                _put(connection, notifications)
                first()

        await self._run(work)

    async def change(self, request_id: str, step: Callable[[ApprovalRequest], Change | None]) -> ApprovalRequest | None:
        def work() -> ApprovalRequest | None:
            with self._engine.begin() as connection:
                request = _request(connection, request_id)
                if request is None:
                    return None
                change = step(request)
                if change is None:
                    return request
                values: dict[str, Any] = {"state": change.state.value}
                if change.ended is not None:
                    values["ended"] = change.ended
                if change.note:
                    values["note"] = change.note
                connection.execute(
                    update(REQUESTS)
                    .where(REQUESTS.c.id == request_id, REQUESTS.c.state == request.state.value)
                    .values(values)
                )
                if change.vote is not None:
                    connection.execute(insert(VOTES), [vote_row(request_id, change.vote)])
                _put(connection, change.notifications)
                return _request(connection, request_id)

        return await self._run(work)

    async def get(self, request_id: str) -> ApprovalRequest | None:
        def work() -> ApprovalRequest | None:
            with self._reader.begin() as connection:
                return _request(connection, request_id)

        return await self._run(work)

    async def state(self, request_id: str) -> State | None:
        def work() -> State | None:
            with self._reader.begin() as connection:
                found = connection.scalar(select(REQUESTS.c.state).where(REQUESTS.c.id == request_id))
                return None if found is None else State(found)

        return await self._run(work)

    async def list(self, which: Filter, limit: int, cursor: str | None = None) -> Page:
        def work() -> Page:
            query = _filtered(which).order_by(REQUESTS.c.id.desc()).limit(limit + 1)
            if cursor is not None:
                query = query.where(REQUESTS.c.id < cursor)
            with self._reader.begin() as connection:
                ids: list[str] = list(connection.scalars(query))
                found = [_request(connection, each) for each in ids[:limit]]
            more = ids[limit - 1] if len(ids) > limit else None
            return Page(tuple(each for each in found if each is not None), more)

        if limit < 1:
            raise ValueError("a page has at least one request")
        return await self._run(work)

    async def due(self, now: float) -> tuple[str, ...]:
        return await self._ids(select(REQUESTS.c.id).where(REQUESTS.c.state.in_(_OPEN), REQUESTS.c.deadline <= now))

    async def held_by(self, writer: str) -> tuple[str, ...]:
        return await self._ids(select(REQUESTS.c.id).where(REQUESTS.c.state.in_(_OPEN), REQUESTS.c.writer == writer))

    async def count(self, state: State) -> int:
        def work() -> int:
            with self._reader.begin() as connection:
                query = select(func.count()).select_from(REQUESTS).where(REQUESTS.c.state == state.value)
                return connection.scalar(query) or 0

        return await self._run(work)

    async def add_token(self, token: Token) -> None:
        def work() -> None:
            with self._engine.begin() as connection:
                connection.execute(insert(TOKENS), [token_row(token)])

        await self._run(work)

    async def token(self, token_hash: str) -> Token | None:
        def work() -> Token | None:
            with self._reader.begin() as connection:
                row = connection.execute(select(TOKENS).where(TOKENS.c.hash == token_hash)).mappings().first()
                return None if row is None else token_from(row)

        return await self._run(work)

    async def tokens_of(self, person: str) -> tuple[Token, ...]:
        def work() -> tuple[Token, ...]:
            query = (
                select(TOKENS).where(TOKENS.c.person == person).order_by(TOKENS.c.created.desc(), TOKENS.c.id.desc())
            )
            with self._reader.begin() as connection:
                return tuple(token_from(row) for row in connection.execute(query).mappings())

        return await self._run(work)

    async def revoke_token(self, token_id: str, person: str, at: float) -> bool:
        def work() -> bool:
            mine = (TOKENS.c.id == token_id, TOKENS.c.person == person, TOKENS.c.revoked.is_(None))
            with self._engine.begin() as connection:
                return connection.execute(update(TOKENS).where(*mine).values(revoked=at)).rowcount == 1

        return await self._run(work)

    async def add_canary(self, canary: Canary) -> bool:
        def work() -> bool:
            with self._engine.begin() as connection:
                known = select(CANARIES.c.id).where(CANARIES.c.value == canary.value)
                if connection.execute(known).first() is not None:
                    return False
                connection.execute(insert(CANARIES), [canary_row(canary)])
                return True

        return await self._run(work)

    async def canaries(self) -> tuple[Canary, ...]:
        def work() -> tuple[Canary, ...]:
            query = select(CANARIES).order_by(CANARIES.c.planted, CANARIES.c.id)
            with self._reader.begin() as connection:
                return tuple(canary_from(row) for row in connection.execute(query).mappings())

        return await self._run(work)

    async def retire_canary(self, canary_id: str, at: float) -> bool:
        def work() -> bool:
            watched = (CANARIES.c.id == canary_id, CANARIES.c.retired.is_(None))
            with self._engine.begin() as connection:
                return connection.execute(update(CANARIES).where(*watched).values(retired=at)).rowcount == 1

        return await self._run(work)

    async def charge(self, principal: str, charges: Sequence[Charge], now: float) -> Exhausted | None:
        def work() -> Exhausted | None:
            with self._engine.begin() as connection:
                over = budgets.exhausted(connection, principal, charges, now)
                if over is None and charges:
                    budgets.spend(connection, principal, charges, now)
                return over

        return await self._run(work)

    async def exhausted(self, principal: str, charges: Sequence[Charge], now: float) -> Exhausted | None:
        def work() -> Exhausted | None:
            with self._reader.begin() as connection:
                return budgets.exhausted(connection, principal, charges, now)

        return await self._run(work)

    async def labels(self, database: str) -> Remembered | None:
        return await self._run(partial(self._read, partial(labels.load, database=database)))

    async def labels_revision(self, database: str) -> int:
        return await self._run(partial(self._read, partial(labels.revision, database=database)))

    async def remember_labels(self, database: str, what: Remembered) -> bool:
        return await self._run(partial(self._write, partial(labels.save, database=database, what=what)))

    async def accept_labels(self, database: str, keys: Collection[Key]) -> int:
        return await self._run(partial(self._write, partial(labels.accept, database=database, keys=keys)))

    async def claim(self, now: float, lease: float, limit: int) -> tuple[OutboxItem, ...]:
        def work() -> tuple[OutboxItem, ...]:
            query = (
                select(OUTBOX)
                .where(OUTBOX.c.done.is_(False), OUTBOX.c.next_at <= now)
                .order_by(OUTBOX.c.next_at, OUTBOX.c.id)
                .limit(limit)
            )
            with self._reader.begin() as connection:
                if connection.execute(query.limit(1)).first() is None:
                    return ()
            with self._engine.begin() as connection:
                rows = connection.execute(query).mappings().all()
                for row in rows:
                    connection.execute(
                        update(OUTBOX)
                        .where(OUTBOX.c.id == row["id"])
                        .values(attempts=row["attempts"] + 1, next_at=now + lease)
                    )
                return tuple(outbox_from(row, row["attempts"] + 1) for row in rows)

        return await self._run(work)

    async def settle(
        self, item_id: int, *, done: bool, next_at: float, detail: str, outcome: str = "", address: str = ""
    ) -> None:
        def work() -> None:
            with self._engine.begin() as connection:
                values = {"done": done, "next_at": next_at, "detail": detail, "outcome": outcome, "address": address}
                connection.execute(update(OUTBOX).where(OUTBOX.c.id == item_id).values(values))

        await self._run(work)

    async def ready(self) -> None:
        def work() -> None:
            with self._engine.begin() as connection:
                connection.exec_driver_sql("PRAGMA user_version = 0")

        await self._run(work)

    async def close(self) -> None:
        if self._closed:
            return
        await self._run(self._engine.dispose)
        self._closed = True
        self._thread.shutdown(wait=False)

    def _read(self, work: Callable[[Connection], _T]) -> _T:
        with self._reader.begin() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], _T]) -> _T:
        with self._engine.begin() as connection:
            return work(connection)

    async def _ids(self, query: Select[tuple[str]]) -> tuple[str, ...]:
        def work() -> tuple[str, ...]:
            with self._reader.begin() as connection:
                return tuple(connection.scalars(query.order_by(REQUESTS.c.id)))

        return await self._run(work)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise Unavailable("the state is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, _guarded, work)


def _guarded(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    try:
        return work(*args, **kwargs)
    except SQLAlchemyError as error:
        raise Unavailable("the state cannot be read or written", detail=_cause(error)) from error


def _cause(error: SQLAlchemyError) -> str:
    """The driver's own words; SQLAlchemy's carry the statement's parameters."""
    return str(getattr(error, "orig", None) or type(error).__name__)


def _path_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            [Problem(f"state {url!r} is not a database URL", hint="sqlite:////path/to/state.db")]
        ) from error
    if parsed.get_backend_name() != "sqlite" or parsed.query or not parsed.database or parsed.database == ":memory:":
        raise ConfigError([Problem("state must be a SQLite file", hint="sqlite:////path/to/state.db")])
    return Path(parsed.database)


def _connect(url: str, path: Path, patience: float) -> Engine:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It holds what clients asked, literals and all: for the owner's eyes only.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"the state {path} cannot be opened: {os.strerror(error.errno or 0)}") from error
    engine = create_engine(url, poolclass=StaticPool, connect_args={"timeout": patience, "check_same_thread": False})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    try:
        with engine.begin() as connection:
            _upgrade(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        raise Unavailable(f"the state {path} cannot be used: {_cause(error)}") from error
    except _Newer as error:
        engine.dispose()
        raise ConfigError(
            [Problem(f"the state {path} was written by a newer version", hint=f"use that version ({error})")]
        ) from error
    return engine


class _Newer(Exception):
    """This version knows nothing of what the state says that it is."""


def _on_connect(raw: Any, _record: object) -> None:
    """Leave BEGIN to us, and make a commit mean that it is on the disk."""
    raw.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        raw.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))


def _upgrade(connection: Connection) -> None:
    if inspect(connection).has_table("alembic_version"):
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
        if found == [NEWEST]:
            return  # and alembic, which takes its time to load, need not be
    import alembic.command  # noqa: PLC0415
    import alembic.config  # noqa: PLC0415
    import alembic.util  # noqa: PLC0415

    config = alembic.config.Config()
    config.set_main_option("script_location", "pgmaskproxy.store:migrations")
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except alembic.util.CommandError as error:
        raise _Newer(str(error)) from error


def _put(connection: Connection, notifications: Sequence[tuple[str, Notification]]) -> None:
    if notifications:
        connection.execute(insert(OUTBOX), [outbox_row(channel, each) for channel, each in notifications])


def _request(connection: Connection, request_id: str) -> ApprovalRequest | None:
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.id == request_id)).mappings().first()
    if row is None:
        return None
    votes = connection.execute(select(VOTES).where(VOTES.c.request == request_id).order_by(VOTES.c.id)).mappings().all()
    return request_from(row, votes)


def _filtered(which: Filter) -> Select[tuple[str]]:
    query = select(REQUESTS.c.id)
    if which.states:
        query = query.where(REQUESTS.c.state.in_(sorted(state.value for state in which.states)))
    for column, wanted in (
        (REQUESTS.c.principal, which.principal),
        (REQUESTS.c.owner, which.owner),
        (REQUESTS.c.database, which.database),
    ):
        if wanted:
            query = query.where(column == wanted)
    for column, wanted in ((REQUESTS.c.rules, which.rule), (REQUESTS.c.groups, which.group)):
        if wanted:
            each = func.json_each(column).table_valued("value")
            query = query.where(select(each.c.value).where(each.c.value == wanted).exists())
    return query
