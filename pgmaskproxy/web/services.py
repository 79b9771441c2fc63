"""What the REST interface and the pages are given; the composition root builds it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import Request

from pgmaskproxy.approval.duty import Person
from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.store.protocol import Store
from pgmaskproxy.web.pulse import Pulse


class Account(Person, Protocol):
    """A person of the directory, with what proves that it is they."""

    @property
    def groups(self) -> Iterable[str]:
        """The groups they are in now."""

    @property
    def password_hash(self) -> str | None:
        """argon2id in PHC form; None: this person has no password."""


class People(Protocol):
    """The directory of people. Logins of the database are no part of it."""

    def person(self, person_id: str, /) -> Account | None:
        """The person with exactly this id."""


class Decides(Protocol):
    """The broker's side that people use."""

    async def decide(self, request_id: str, person: Person, *, approve: bool, reason: str = "") -> ApprovalRequest:
        """Casts a vote. Raises NoSuchRequest, NotAllowed, NotPending, AuditFailed, Unavailable."""


class Recorder(Protocol):
    """The audit log's side that is used here."""

    def write_all(self, events: Sequence[AuditEvent], durable: bool) -> None:
        """Appends all or none, blocking; AuditFailed."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the interface. `directory` is asked per request: a reload takes effect at once."""

    broker: Decides
    store: Store
    directory: Callable[[], People]
    audit: Recorder
    metrics: Metrics
    version: str
    clock: Callable[[], float] = time.time
    """Unix seconds."""
    randbytes: Callable[[int], bytes] = secrets.token_bytes
    public_url: str = ""
    """How people reach it; '' where that is the address it listens on."""
    pulse: Pulse = field(default_factory=Pulse)
    """Beats when a request has changed."""

    async def record(self, event: AuditEvent, *, durable: bool) -> None:
        """Writes `event` before what it tells of happens. Raises AuditFailed."""
        await asyncio.to_thread(self.audit.write_all, (event,), durable)


def services_of(request: Request) -> Services:
    """The services of the application that `request` came to; for FastAPI's Depends."""
    found: Services = request.app.state.services
    return found
