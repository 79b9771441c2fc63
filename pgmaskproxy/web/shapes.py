"""What the REST interface says and hears, as JSON. Their schemas are the OpenAPI document's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from psycopg.postgres import types
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pgmaskproxy.approval.duty import Person, authors, may_decide, missing
from pgmaskproxy.approval.refusals import NotAllowed
from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.store.protocol import Token
from pgmaskproxy.web.readable import hidden_characters

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


def moment(unix: float) -> datetime:
    """Unix seconds as a time in UTC, to the millisecond."""
    return datetime.fromtimestamp(int(unix * 1000) / 1000, UTC)


class Rule(BaseModel):
    """A rule of the policy, and where it is written."""

    id: str
    file: str
    line: int


class BoundParameter(BaseModel):
    """A parameter as the server will get it, decoded."""

    number: int
    type_oid: int
    type: str | None = Field(description="PostgreSQL's name for a built-in type")
    text: str | None = Field(description="null is SQL NULL")


class Term(BaseModel):
    """Who must agree because of one rule; every term must be met."""

    rule: Rule
    groups: list[str]
    quorum: int
    missing: int = Field(description="How many more people must agree")


class CastVote(BaseModel):
    """One person's answer."""

    person: str
    approve: bool
    reason: str
    at: datetime
    groups: list[str] = Field(description="The asked groups this person was in")


class You(BaseModel):
    """What the person asking may do."""

    person: str
    may_decide: bool
    why_not: str | None


class RequestSummary(BaseModel):
    """A request in a list. `redacted` has no literals; the exact text is in the request itself."""

    id: str
    state: State
    created: datetime
    deadline: datetime
    seconds_left: int = Field(description="Until the deadline; 0 when it has passed or the request has ended")
    principal: str = Field(description="The login that asks")
    kind: str
    person: str | None = Field(description="The person whose login it is")
    owner: str | None = Field(description="The person who answers for the login")
    database: str
    effects: list[str]
    card: str
    reason: str = Field(description="Why, in the requester's words")
    redacted: str
    unmask: list[str] = Field(description="Columns that would be shown as they are; every other stays masked")
    unmask_rows: int = Field(description="In so many rows at most; 0 without such a column")
    groups: list[str] = Field(description="Who is asked")
    missing: int = Field(description="How many more people must agree, over all terms")
    you: You

    @classmethod
    def of(cls, request: ApprovalRequest, person: Person, now: float) -> Self:
        """The summary of `request` as `person` gets it at `now`, Unix seconds."""
        return cls.model_validate(_summary(request, person, now))


class RequestDetail(RequestSummary):
    """All that an approver needs. What is approved is exactly `digest`: text, parameters, principal, role, database,
    search_path, policy version, and the columns and rows that are unmasked."""

    session: str
    statement: str
    address: str
    role: str
    search_path: list[str]
    sql: str = Field(description="Exactly what will run")
    hidden_characters: list[str] = Field(
        description="Characters of `sql` and the parameters that a screen does not show"
    )
    parameters: list[BoundParameter]
    relations: list[str]
    labels: list[str]
    shown: list[str] = Field(description="Per output column, how it will be shown")
    rules: list[Rule]
    terms: list[Term]
    votes: list[CastVote]
    policy_version: str
    digest: str = Field(description="SHA-256 over everything that is bound")
    digest_matches: bool = Field(description="Whether the digest computed again is the same: if not, do not approve")
    ended: datetime | None
    note: str

    @classmethod
    def of(cls, request: ApprovalRequest, person: Person, now: float) -> Self:
        """All of `request` as `person` gets it at `now`, Unix seconds."""
        barred = authors(request)
        texts = [request.sql, request.reason, *(each.text or "" for each in request.parameters)]
        return cls.model_validate(
            _summary(request, person, now)
            | {
                "session": request.session,
                "statement": request.statement,
                "address": request.address,
                "role": request.role,
                "search_path": request.search_path,
                "sql": request.sql,
                "hidden_characters": list(dict.fromkeys(each for text in texts for each in hidden_characters(text))),
                "parameters": [
                    BoundParameter(
                        number=each.number, type_oid=each.type_oid, type=type_name(each.type_oid), text=each.text
                    )
                    for each in request.parameters
                ],
                "relations": request.relations,
                "labels": request.labels,
                "shown": request.shown,
                "rules": [Rule(id=rule.id, file=rule.file, line=rule.line) for rule in request.rules],
                "terms": [
                    Term(
                        rule=Rule(id=term.rule.id, file=term.rule.file, line=term.rule.line),
                        groups=list(term.groups),
                        quorum=max(1, term.quorum),
                        missing=missing(term, request.votes, barred),
                    )
                    for term in request.terms
                ],
                "votes": [
                    CastVote(
                        person=vote.person,
                        approve=vote.approve,
                        reason=vote.reason,
                        at=moment(vote.at),
                        groups=list(vote.groups),
                    )
                    for vote in request.votes
                ],
                "policy_version": request.policy_version,
                "digest": request.digest,
                "digest_matches": request.bound_digest() == request.digest,
                "ended": None if request.ended is None else moment(request.ended),
                "note": request.note,
            }
        )


class RequestPage(BaseModel):
    """Requests, newest first; `next` is the `cursor` of the page after."""

    requests: list[RequestSummary]
    next: str | None


class Approval(BaseModel):
    """The body of an approval. With `digest` it counts only if that is what is being approved."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""
    digest: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="The digest that was looked at")


class Rejection(BaseModel):
    """The body of a rejection. The requester is told the reason."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class TokenWish(BaseModel):
    """What token is wanted."""

    model_config = ConfigDict(extra="forbid")
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    expires_in: int = Field(12 * 3600, ge=60, le=30 * 86400, description="Seconds; at most 30 days")


class TokenInfo(BaseModel):
    """A token, without what would let anybody use it."""

    id: str
    person: str
    note: str
    created: datetime
    expires: datetime
    revoked: datetime | None

    @classmethod
    def of(cls, token: Token) -> Self:
        """What may be told of `token`."""
        return cls(
            id=token.id,
            person=token.person,
            note=token.note,
            created=moment(token.created),
            expires=moment(token.expires),
            revoked=None if token.revoked is None else moment(token.revoked),
        )


class NewToken(BaseModel):
    """A new token. It is shown this once."""

    id: str
    person: str
    token: str
    type: Literal["Bearer"] = "Bearer"
    expires: datetime


class TokenList(BaseModel):
    """A person's own tokens, newest first."""

    tokens: list[TokenInfo]


class Whoami(BaseModel):
    """Who is signed in, and to what."""

    person: str
    groups: list[str]
    version: str


def type_name(oid: int) -> str | None:
    """PostgreSQL's name of a built-in type, arrays as `name[]`; None for one of the server's own."""
    found = types.get(oid)
    if found is None:
        return None
    return f"{found.name}[]" if found.array_oid == oid else found.name


def _summary(request: ApprovalRequest, person: Person, now: float) -> dict[str, object]:
    why_not: str | None = None
    if request.state is not State.PENDING:
        why_not = f"it is {request.state.value}"
    elif now >= request.deadline:
        why_not = "its deadline has passed"
    elif any(vote.person == person.id for vote in request.votes):
        why_not = f"{person.id} has approved, and may still reject"
    else:
        try:
            may_decide(person, request)
        except NotAllowed as refused:
            why_not = refused.message
    barred = authors(request)
    open_ = request.state is State.PENDING
    return {
        "id": request.id,
        "state": request.state,
        "created": moment(request.created),
        "deadline": moment(request.deadline),
        "seconds_left": max(0, int(request.deadline - now)) if open_ else 0,
        "principal": request.principal,
        "kind": request.kind,
        "person": request.person,
        "owner": request.owner,
        "database": request.database,
        "effects": request.effects,
        "card": request.card,
        "reason": request.reason,
        "redacted": request.redacted,
        "unmask": request.unmask,
        "unmask_rows": request.unmask_rows,
        "groups": request.groups,
        "missing": sum(missing(term, request.votes, barred) for term in request.terms) if open_ else 0,
        "you": You(person=person.id, may_decide=why_not is None, why_not=why_not),
    }
