"""Requests, people and a clock for tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.approval.request import ApprovalRequest, digest_of
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.ids import new_id
from pgmaskproxy.model import ApprovalTerms, Parameter, RuleRef
from pgmaskproxy.store.protocol import Store
from pgmaskproxy.store.sqlite import SqliteStore

CANARY: Final = "536-90-4399"
"""Stands for a value: in the SQL and in a parameter, and never anywhere but in the store."""
NOW: Final = 1_800_000_000.0


@dataclass(frozen=True)
class Somebody:
    """A person, as the broker knows them."""

    id: str
    groups: frozenset[str] = frozenset()


ALICE: Final = Somebody("alice", frozenset({"dba"}))
BOB: Final = Somebody("bob", frozenset({"dba", "privacy"}))
CAROL: Final = Somebody("carol", frozenset({"privacy"}))
DAVE: Final = Somebody("dave", frozenset({"dba"}))
EVE: Final = Somebody("eve", frozenset({"sales"}))


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def term(*groups: str, quorum: int = 1) -> ApprovalTerms:
    return ApprovalTerms(RuleRef("exports", "shop.yaml", 12), groups or ("dba",), quorum=quorum)


def id_maker(start: int = 1) -> Callable[[], str]:
    numbers = itertools.count(start)
    return lambda: new_id("evt", lambda: NOW, lambda n: next(numbers).to_bytes(n, "big"))


def make_request(number: int = 1, **changes: Any) -> ApprovalRequest:
    """What sales-agent (owner: alice) asks; `changes` are fields. The digest is computed last."""
    request = ApprovalRequest(
        id=new_id("apr", lambda: NOW + number, lambda n: number.to_bytes(n, "big")),
        session="ses_1",
        statement="stm_1",
        principal="sales-agent",
        owner="alice",
        database="shop",
        role="reader",
        search_path=("pg_catalog", "public"),
        sql=f"DELETE FROM customers WHERE ssn = '{CANARY}' AND id = $1",
        redacted="DELETE FROM customers WHERE ssn = ? AND id = $1",
        parameters=(Parameter(1, 25, CANARY), Parameter(2, 23, None)),
        policy_version="v1",
        rules=(RuleRef("exports", "shop.yaml", 12),),
        labels=("pii.ssn",),
        relations=("public.customers",),
        shown=("id: clear",),
        effects=("WRITE",),
        card="Data leaves the database",
        reason="INC-123",
        terms=(term("dba"),),
        created=NOW,
        deadline=NOW + 900,
        digest="",
        salt="00" * 16,
        address="10.0.0.7",
    )
    request = replace(request, **changes)
    return request if "digest" in changes else replace(request, digest=request.bound_digest())


def digest(request: ApprovalRequest, **changes: Any) -> str:
    bound: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("sql", "parameters", "principal", "role", "database", "search_path", "policy_version", "salt")
    }
    return digest_of(**(bound | changes))


@dataclass
class Desk:
    """A broker with everything real around it."""

    store: Store
    audit: AuditLog
    clock: Clock
    broker: Broker
    told: list[None] = field(default_factory=list)

    async def close(self) -> None:
        await self.store.close()
        self.audit.close()


@dataclass(frozen=True)
class Reaches:
    """A channel's name and groups."""

    name: str
    groups: frozenset[str] = frozenset()


async def open_desk(
    directory: Path, writer: str = "w1", clock: Clock | None = None, channels: tuple[Reaches, ...] = ()
) -> Desk:
    clock = clock or Clock()
    store = await SqliteStore.open(f"sqlite:///{directory}/state.db")
    audit = AuditLog(directory / "audit", writer, clock=clock)
    told: list[None] = []
    broker = Broker(
        store,
        audit,
        channels,
        clock,
        writer=writer,
        make_id=id_maker(),
        link=lambda request_id: f"https://approvals.example.com/{request_id}",
        notified=lambda: told.append(None),
    )
    return Desk(store, audit, clock, broker, told)
