"""What a store does. A verdict is a compare-and-set; everything that returns has been made durable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.request import ApprovalRequest, State, Vote
from pgmaskproxy.model import Charge, ColumnRef


@dataclass(frozen=True, slots=True)
class Change:
    """What one step does to a request, all of it or nothing."""

    state: State
    vote: Vote | None = None
    ended: float | None = None
    """Unix seconds; None leaves it as it is."""
    note: str = ""
    notifications: tuple[tuple[str, Notification], ...] = ()
    """(channel, what to send): put in the outbox in the same transaction."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests to list; empty means any."""

    states: frozenset[State] = frozenset()
    principal: str = ""
    owner: str = ""
    database: str = ""
    rule: str = ""
    group: str = ""
    """A group that is asked."""


@dataclass(frozen=True, slots=True)
class Page:
    """Requests, newest first."""

    requests: tuple[ApprovalRequest, ...]
    next: str | None
    """The cursor for the page after, or None at the end."""


@dataclass(frozen=True, slots=True)
class Token:
    """A person's bearer token; only its hash is kept."""

    id: str
    person: str
    hash: str
    """SHA-256, hexadecimal, of the token: it is random, so it needs no salt."""
    created: float
    expires: float
    note: str = ""
    revoked: float | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """A value that was planted to be found where it must not be. Its bytes are looked for, so the state has them."""

    id: str
    value: str = field(repr=False)
    label: str
    database: str
    """The server's name of it; '' for any."""
    column: str
    """Where it was planted: `schema.table.column`."""
    planted: float
    retired: float | None = None
    """Since when it is not looked for any more."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A budget that has not enough left for what was asked of it."""

    charge: Charge
    free_at: float | None
    """Unix seconds when it will have, if nothing more is spent; None: never, the statement alone costs more."""


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A notification on its way to one channel."""

    id: int
    channel: str
    notification: Notification
    attempts: int
    """Including this one."""


ACCEPTED: Final = "accepted"
"""The `drift` of a column that somebody has just reviewed, until the proxy looks again."""

Key: TypeAlias = tuple[int, int]
"""(relation's OID, column's number)."""


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """One column as it was last seen."""

    key: Key
    accepted: ColumnRef
    """The name under which policy's patterns are asked for its labels: the one that somebody has reviewed."""
    seen: ColumnRef
    """The name that it has."""
    labels: frozenset[str] = frozenset()
    derived: bool = False
    drift: str = ""
    """What awaits review: '' for nothing, ACCEPTED, or a kind of `proxy.drift`."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """All of one database. `policy` is the policy's version and `links` a digest of what carries labels on."""

    policy: str
    links: str
    records: tuple[LabelRecord, ...]
    revision: int = 0


class Store(Protocol):
    """Raises Unavailable (08006) from every method when the state cannot be read or written."""

    async def insert(
        self,
        request: ApprovalRequest,
        writer: str,
        notifications: Sequence[tuple[str, Notification]],
        first: Callable[[], None],
    ) -> None:
        """Add a request that `writer` holds. `first` runs inside the transaction: what it raises undoes it."""

    async def change(self, request_id: str, step: Callable[[ApprovalRequest], Change | None]) -> ApprovalRequest | None:
        """Read a request, ask `step` what to do, do it, and return the request as it is then; None if there is none.

        No other writer, in this process or another, can come between. `step` runs on the store's
        thread; None changes nothing, and what it raises undoes everything and is raised here.
        """

    async def get(self, request_id: str) -> ApprovalRequest | None:
        """One request with its votes."""

    async def state(self, request_id: str) -> State | None:
        """Just where it stands: cheap, for polling."""

    async def list(self, which: Filter, limit: int, cursor: str | None = None) -> Page:
        """Up to `limit` requests, newest first, after `cursor`."""

    async def due(self, now: float) -> tuple[str, ...]:
        """Ids of the open requests whose deadline is at or before `now`."""

    async def held_by(self, writer: str) -> tuple[str, ...]:
        """Ids of the open requests that `writer` holds."""

    async def count(self, state: State) -> int:
        """How many requests are in `state`."""

    async def add_token(self, token: Token) -> None:
        """Keep a new token."""

    async def token(self, token_hash: str) -> Token | None:
        """The token with this hash, revoked or expired ones too: the caller looks."""

    async def tokens_of(self, person: str) -> tuple[Token, ...]:
        """A person's tokens, newest first."""

    async def revoke_token(self, token_id: str, person: str, at: float) -> bool:
        """Revoke a person's own token; False when there is none such or it was revoked before."""

    async def add_canary(self, canary: Canary) -> bool:
        """Keep a new canary; False when its value is one already, in use or retired."""

    async def canaries(self) -> tuple[Canary, ...]:
        """All of them, retired ones too, in the order they were planted."""

    async def retire_canary(self, canary_id: str, at: float) -> bool:
        """Look for it no more; False when there is none such or it was retired before."""

    async def charge(self, principal: str, charges: Sequence[Charge], now: float) -> Exhausted | None:
        """Spend all of `charges`, or none of them where one budget has not enough left: that one is returned."""

    async def exhausted(self, principal: str, charges: Sequence[Charge], now: float) -> Exhausted | None:
        """What `charge` would answer now, with nothing spent."""

    async def labels(self, database: str) -> Remembered | None:
        """What is remembered of a database's labels, None before anything was."""

    async def labels_revision(self, database: str) -> int:
        """How often they were written, 0 for never: cheap, for polling."""

    async def remember_labels(self, database: str, what: Remembered) -> bool:
        """Replace them; False when somebody has written since `what.revision`."""

    async def accept_labels(self, database: str, keys: Collection[Key]) -> int:
        """Mark columns that await review as reviewed; how many did."""

    async def claim(self, now: float, lease: float, limit: int) -> tuple[OutboxItem, ...]:
        """Take up to `limit` notifications that are due, oldest first; they come again after `lease` seconds."""

    async def settle(
        self, item_id: int, *, done: bool, next_at: float, detail: str, outcome: str = "", address: str = ""
    ) -> None:
        """Say how an attempt went: `done` for good (delivered or given up), else again at `next_at`.

        `outcome` is one word for it, `address` a fingerprint of where it went: for who looks at it later.
        """

    async def ready(self) -> None:
        """Return if the state can be written; for readiness."""

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
