"""A whole approval side on disk: store, audit log, broker, people, requests."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
from argon2 import PasswordHasher

from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.approval.facts import NO_FACTS, Facts
from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.ids import new_id
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import ApprovalTerms, Parameter, RuleRef
from pgmaskproxy.policy.principals import Directory, Person
from pgmaskproxy.store.sqlite import SqliteStore
from pgmaskproxy.web.pulse import Pulse
from pgmaskproxy.web.services import Services

SQL = "UPDATE shop.customers\n   SET name = $1 WHERE ssn = '123-45-6789' -- O'Hara"
EXPORTS = RuleRef("exports", "policies/shop.yaml", 42)


def hashed(password: str) -> str:
    """argon2id, as cheap as it goes: the cost is argon2's own business."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


PEOPLE = {
    person.id: person
    for person in (
        Person("alice", frozenset({"dba"}), password_hash=hashed("alice's password")),
        Person("bob", frozenset({"dba", "privacy"}), password_hash=hashed("bob's password")),
        Person("carol", frozenset({"privacy"}), password_hash=hashed("carol: päss")),
        Person("dave", frozenset({"sales"}), password_hash=hashed("dave's password")),
        Person("erin", frozenset({"dba"})),
    )
}


def basic(person: str, password: str) -> dict[str, str]:
    """The header of RFC 7617."""
    return {"Authorization": "Basic " + base64.b64encode(f"{person}:{password}".encode()).decode()}


ALICE = basic("alice", "alice's password")
BOB = basic("bob", "bob's password")
CAROL = basic("carol", "carol: päss")
DAVE = basic("dave", "dave's password")


def kinds(stage: Stage) -> list[str]:
    return [line.split('"kind":"')[1].split('"')[0] for line in stage.audit.path.read_text().splitlines()]


async def token_of(web: httpx2.AsyncClient, who: dict[str, str], **wish: object) -> str:
    answer = await web.post("/api/v1/tokens", json=wish, headers=who)
    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    assert isinstance(token, str)
    return token


class Clock:
    """Real time, and more when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Stage:
    """What a test acts on."""

    services: Services
    broker: Broker
    store: SqliteStore
    audit: AuditLog
    clock: Clock
    directory: Directory

    async def ask(
        self,
        *,
        sql: str = SQL,
        terms: tuple[ApprovalTerms, ...] = (ApprovalTerms(EXPORTS, ("dba",), card="Data leaves the database"),),
        principal: str = "sales-agent",
        owner: str | None = "alice",
        person: str | None = None,
        database: str = "shop",
        seconds: float = 600.0,
        reason: str = "INC-123",
        facts: Facts = NO_FACTS,
        parameters: tuple[Parameter, ...] = (Parameter(1, 25, "O'Hara"), Parameter(2, 23, None)),
        unmask: tuple[str, ...] = (),
    ) -> ApprovalRequest:
        """Opens a request, as a session would."""
        now = self.clock()
        request = ApprovalRequest(
            id=new_id("apr", self.clock, secrets.token_bytes),
            session=new_id("ses", self.clock, secrets.token_bytes),
            statement=new_id("stm", self.clock, secrets.token_bytes),
            principal=principal,
            owner=owner,
            database=database,
            role="pgmaskproxy",
            search_path=("pg_catalog", "shop"),
            sql=sql,
            redacted="UPDATE shop.customers SET name = $1 WHERE ssn = ?",
            parameters=parameters,
            policy_version="p1",
            rules=(EXPORTS,),
            labels=("pii.ssn",),
            relations=("shop.customers",),
            shown=("name: as it is", "ssn: redacted (pii.ssn)"),
            effects=("WRITE",),
            card="Data leaves the database",
            reason=reason,
            terms=terms,
            created=now,
            deadline=now + seconds,
            digest="",
            salt=secrets.token_hex(16),
            person=person,
            address="10.0.0.7",
            facts=facts,
            unmask=unmask,
            unmask_rows=20 if unmask else 0,
        )
        request = replace(request, digest=request.bound_digest())
        await self.broker.open(request)
        return request


@asynccontextmanager
async def staged(place: Path, public_url: str = "") -> AsyncIterator[Stage]:
    """A stage whose files are in `place`."""
    audit_directory = place / "audit"
    audit_directory.mkdir(exist_ok=True)
    clock = Clock()
    store = await SqliteStore.open(f"sqlite:///{place}/state.db")
    audit = AuditLog(audit_directory, "web")
    directory = Directory(dict(PEOPLE), {})
    try:
        pulse = Pulse()
        broker = Broker(
            store,
            audit,
            (),
            clock,
            writer="web",
            make_id=lambda: new_id("evt", clock, secrets.token_bytes),
            notified=pulse.beat,
        )
        metrics = Metrics(process=False)
        services = Services(
            broker=broker,
            store=store,
            directory=lambda: directory,
            audit=audit,
            metrics=metrics,
            version="0.0.test",
            clock=clock,
            public_url=public_url,
            pulse=pulse,
        )
        yield Stage(services, broker, store, audit, clock, directory)
    finally:
        audit.close()
        await store.close()
