"""What a person is asked: one statement, exactly, and the states it goes through.

PENDING -> APPROVED -> RELEASED, or REJECTED, EXPIRED, WITHDRAWN, CANCELLED. Pure: ids and times
come in as arguments. The digest binds what was seen to what may run (DESIGN promise 2).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import rfc8785

from pgmaskproxy.approval.facts import NO_FACTS, Facts
from pgmaskproxy.model import ApprovalTerms, Decision, JsonValue, Parameter, Principal, RuleRef, Ruling


class State(enum.StrEnum):
    """Where a request stands. Only PENDING takes votes; only APPROVED can be released."""

    PENDING = "pending"
    APPROVED = "approved"
    """Everyone asked agreed; the statement has not been sent yet."""
    RELEASED = "released"
    """Handed to the session that asked, once. Whether it succeeded is the audit log's to say."""
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """The client went away, or the proxy that held it did."""
    CANCELLED = "cancelled"
    """The client cancelled it (CancelRequest)."""

    @property
    def final(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self not in OPEN


class Step(enum.StrEnum):
    """What can happen to a request."""

    APPROVE = "approve"
    """The last missing agreement."""
    REJECT = "reject"
    RELEASE = "release"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"


OPEN: Final = frozenset({State.PENDING, State.APPROVED})

TRANSITIONS: Final[Mapping[tuple[State, Step], State]] = {
    (State.PENDING, Step.APPROVE): State.APPROVED,
    (State.PENDING, Step.REJECT): State.REJECTED,
    (State.PENDING, Step.EXPIRE): State.EXPIRED,
    (State.PENDING, Step.WITHDRAW): State.WITHDRAWN,
    (State.PENDING, Step.CANCEL): State.CANCELLED,
    (State.APPROVED, Step.RELEASE): State.RELEASED,
    (State.APPROVED, Step.EXPIRE): State.EXPIRED,
    (State.APPROVED, Step.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Step.CANCEL): State.CANCELLED,
}
"""Every step there is. What is not here cannot happen."""


def after(state: State, step: Step) -> State | None:
    """The state that `step` leads to, or None where it cannot happen."""
    return TRANSITIONS.get((state, step))


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's answer."""

    person: str
    approve: bool
    reason: str
    at: float
    """Unix seconds."""
    groups: tuple[str, ...] = ()
    """The asked groups this person was in when voting, sorted: what the vote counts for."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """One statement held for people. Holds the exact SQL and parameters: for the store and the approver's eyes only."""

    id: str
    session: str
    statement: str
    """The id of the statement (`stm_...`)."""
    principal: str
    """The login that asks."""
    owner: str | None
    """The person who answers for the login, and never decides."""
    database: str
    role: str
    search_path: tuple[str, ...]
    sql: str
    redacted: str
    """`sql` with literals replaced: fit for logs and channels."""
    parameters: tuple[Parameter, ...]
    policy_version: str
    rules: tuple[RuleRef, ...]
    labels: tuple[str, ...]
    relations: tuple[str, ...]
    shown: tuple[str, ...]
    """Per output, in words: how it will be shown."""
    effects: tuple[str, ...]
    card: str
    reason: str
    """Why, in the requester's words; '' when none was given."""
    terms: tuple[ApprovalTerms, ...]
    created: float
    """Unix seconds."""
    deadline: float
    """Unix seconds; from this moment on it can be neither approved nor released."""
    digest: str
    """`digest_of` what is bound."""
    salt: str
    """Random and kept in the store only: without it the digests in the audit log would confirm guesses of a literal."""
    person: str | None = None
    """The person whose login this is, if any: never decides."""
    kind: str = "agent"
    address: str = ""
    state: State = State.PENDING
    votes: tuple[Vote, ...] = ()
    """In the order they were cast."""
    ended: float | None = None
    """Unix seconds when it left PENDING for good or was released."""
    note: str = ""
    """Why it was withdrawn, in a few fixed words."""
    facts: Facts = NO_FACTS
    """For people's eyes, beside what is bound."""
    unmask: tuple[str, ...] = ()
    """Columns, `schema.table.column`, that are shown as they are: bound. Every other one stays masked."""
    unmask_rows: int = 0
    """In so many rows at most; 0 where there is no such column."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that is asked, sorted."""
        return tuple(sorted({group for term in self.terms for group in term.groups}))

    def bound_digest(self) -> str:
        """The digest computed again from what this object holds; differs from `digest` if a row was changed."""
        return digest_of(
            sql=self.sql,
            parameters=self.parameters,
            principal=self.principal,
            role=self.role,
            database=self.database,
            search_path=self.search_path,
            policy_version=self.policy_version,
            salt=self.salt,
            unmask=self.unmask,
            unmask_rows=self.unmask_rows,
        )


def digest_of(
    *,
    sql: str,
    parameters: tuple[Parameter, ...],
    principal: str,
    role: str,
    database: str,
    search_path: tuple[str, ...],
    policy_version: str,
    salt: str,
    unmask: tuple[str, ...] = (),
    unmask_rows: int = 0,
) -> str:
    """SHA-256, 64 hexadecimal digits, over the canonical JSON (RFC 8785) of all that an approval is bound to.

    Raises ValueError for text that is not Unicode (a lone surrogate).
    """
    bound: dict[str, JsonValue] = {
        "bound": "pgmaskproxy/v1",
        "sql": sql,
        "parameters": [[each.number, each.type_oid, each.text] for each in parameters],
        "principal": principal,
        "role": role,
        "database": database,
        "search_path": list(search_path),
        "policy_version": policy_version,
        "salt": salt,
    }
    if unmask:
        bound |= {"unmask": list(unmask), "unmask_rows": unmask_rows}
    return hashlib.sha256(rfc8785.dumps(bound)).hexdigest()


def new_request(
    *,
    request_id: str,
    session: str,
    statement: str,
    principal: Principal,
    ruling: Ruling,
    database: str,
    role: str,
    parameters: tuple[Parameter, ...],
    shown: tuple[str, ...],
    reason: str,
    created: float,
    in_transaction: bool,
    salt: str,
    longest: float | None = None,
    facts: Facts = NO_FACTS,
) -> ApprovalRequest:
    """A PENDING request for what `ruling` holds. `salt` is 128 random bits in hexadecimal (`secrets.token_hex(16)`).

    The deadline is the least of every term's (its `in_transaction` where a block is open) and of
    `longest`, the seconds the server's own timeouts leave. Raises ValueError when the decision has
    no terms: nobody could ever agree.
    """
    decision, analysis = ruling.decision, ruling.analysis
    if not decision.terms:
        raise ValueError("a hold without terms asks nobody")
    waits = [term.in_transaction if in_transaction else term.deadline for term in decision.terms]
    if longest is not None:
        waits.append(longest)
    search_path = ruling.search_path
    return ApprovalRequest(
        id=request_id,
        session=session,
        statement=statement,
        principal=principal.name,
        owner=principal.owner,
        database=database,
        role=role,
        search_path=search_path,
        sql=ruling.sql,
        redacted=analysis.redacted,
        parameters=parameters,
        policy_version=decision.policy_version,
        rules=decision.rules,
        labels=decision.labels,
        relations=tuple(sorted({str(each) for each in analysis.reads | analysis.writes})),
        shown=shown,
        effects=tuple(sorted(effect.value for effect in analysis.effects)),
        card="; ".join(dict.fromkeys(term.card for term in decision.terms if term.card)),
        reason=reason,
        terms=decision.terms,
        created=created,
        deadline=created + min(waits),
        digest=digest_of(
            sql=ruling.sql,
            parameters=parameters,
            principal=principal.name,
            role=role,
            database=database,
            search_path=search_path,
            policy_version=decision.policy_version,
            salt=salt,
            unmask=unmasked_columns(decision),
            unmask_rows=unmasked_rows(decision),
        ),
        salt=salt,
        person=principal.person,
        kind=principal.kind.value,
        address=principal.address,
        facts=facts,
        unmask=unmasked_columns(decision),
        unmask_rows=unmasked_rows(decision),
    )


def unmasked_columns(decision: Decision) -> tuple[str, ...]:
    """What whoever agrees to it agrees to show, by the names in the catalog, sorted."""
    return tuple(map(str, decision.unmask.columns)) if decision.unmask is not None else ()


def unmasked_rows(decision: Decision) -> int:
    """And in how many rows."""
    return decision.unmask.rows if decision.unmask is not None else 0
