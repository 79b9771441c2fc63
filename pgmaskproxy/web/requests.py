"""/api/v1/requests: what is asked, and a person's answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from pgmaskproxy.approval.duty import Person
from pgmaskproxy.approval.refusals import NoSuchRequest, NotAllowed, NotPending
from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.ids import is_id
from pgmaskproxy.store.protocol import Filter
from pgmaskproxy.web.idempotency import Answers
from pgmaskproxy.web.identity import signed_in
from pgmaskproxy.web.problems import Rejected
from pgmaskproxy.web.services import Account, Services, services_of
from pgmaskproxy.web.shapes import Approval, Rejection, RequestDetail, RequestPage, RequestSummary

router = APIRouter(prefix="/api/v1/requests", tags=["requests"])

Signed = Annotated[Account, Depends(signed_in)]
Serving = Annotated[Services, Depends(services_of)]
IdempotencyKey = Annotated[str | None, Header(description="The same key and body again: the same answer, once")]

LOOK_AHEAD = 5
"""Pages of the store that one page of a person's own view may take."""


def may_see(person: Person, request: ApprovalRequest) -> bool:
    """Whether `person` is asked, or asked for it, or answers for who did."""
    return person.id in (request.principal, request.person, request.owner) or not set(person.groups).isdisjoint(
        request.groups
    )


@router.get("", operation_id="listRequests", summary="List the requests that concern you, newest first")
async def list_requests(
    *,
    person: Signed,
    services: Serving,
    state: Annotated[list[State] | None, Query(description="Any of these states")] = None,
    principal: Annotated[str, Query(max_length=63)] = "",
    database: Annotated[str, Query(max_length=63)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> RequestPage:
    """Requests that ask one of your groups, that you asked for, or that a login you answer for did. A page may be
    shorter than `limit`: only a `next` of null is the end."""
    which = Filter(states=frozenset(state or ()), principal=principal, database=database)
    found, after = await seen_by(person, services, which, limit, cursor)
    now = services.clock()
    return RequestPage(requests=[RequestSummary.of(each, person, now) for each in found], next=after)


@router.get("/{request_id}", operation_id="getRequest", summary="Everything an approver needs to know")
async def get_request(request_id: str, person: Signed, services: Serving) -> RequestDetail:
    """The exact statement, its parameters, what it touches, how it will be shown, who asks, who must agree."""
    return RequestDetail.of(await visible(request_id, person, services), person, services.clock())


@router.post("/{request_id}/approve", operation_id="approveRequest", summary="Agree", response_model=RequestDetail)
async def approve(
    *,
    request_id: str,
    body: Approval,
    person: Signed,
    services: Serving,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Your agreement; the statement runs when everybody who must has agreed."""
    answers: Answers = request.app.state.answers
    content = await approved(answers, services, request_id, person, body=body, key=idempotency_key)
    return Response(content, media_type="application/json")


@router.post("/{request_id}/reject", operation_id="rejectRequest", summary="Refuse", response_model=RequestDetail)
async def reject(
    *,
    request_id: str,
    body: Rejection,
    person: Signed,
    services: Serving,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Your refusal ends the request: the client gets an error with your reason, and its session goes on."""
    answers: Answers = request.app.state.answers
    content = await rejected(answers, services, request_id, person, body=body, key=idempotency_key)
    return Response(content, media_type="application/json")


async def approved(
    answers: Answers, services: Services, request_id: str, person: Person, *, body: Approval, key: str | None
) -> bytes:
    """Casts the agreement of `person`, once for `key`: the RequestDetail afterwards, as JSON. The one way to approve,
    by REST and on the page. Raises Rejected: 403, 404, 409, or 400 and 422 for the key."""

    async def work() -> bytes:
        if body.digest is not None and (await visible(request_id, person, services)).digest != body.digest:
            raise Rejected(409, "other_digest", "this is not what was looked at", hint="read the request again")
        return await _decide(services, request_id, person, approve=True, reason=body.reason)

    return await answers.once(person.id, key, f"approve {request_id} {body.model_dump_json()}", work)


async def rejected(
    answers: Answers, services: Services, request_id: str, person: Person, *, body: Rejection, key: str | None
) -> bytes:
    """As `approved`: the refusal of `person`."""

    async def work() -> bytes:
        return await _decide(services, request_id, person, approve=False, reason=body.reason)

    return await answers.once(person.id, key, f"reject {request_id} {body.model_dump_json()}", work)


async def seen_by(
    person: Person, services: Services, which: Filter, limit: int, cursor: str | None
) -> tuple[list[ApprovalRequest], str | None]:
    """Up to `limit` requests of `which` that concern `person`, newest first, and the cursor of what follows; None at
    the end. Raises Rejected for a cursor that was not given here."""
    if cursor is not None and not is_id(cursor, "apr"):
        raise Rejected(400, "bad_cursor", "the cursor is not one that this interface gave")
    found: list[ApprovalRequest] = []
    for _ in range(LOOK_AHEAD):
        page = await services.store.list(which, limit - len(found), cursor)
        found += [each for each in page.requests if may_see(person, each)]
        cursor = page.next
        if cursor is None or len(found) >= limit:
            break
    return found, cursor


async def visible(request_id: str, person: Person, services: Services) -> ApprovalRequest:
    """The request, if `person` may see it. Raises Rejected: 404, 403."""
    found = await services.store.get(request_id) if is_id(request_id, "apr") else None
    if found is None:
        raise _unknown()
    if not may_see(person, found):
        raise Rejected(403, "not_allowed", f"{person.id} is in none of the groups that are asked")
    return found


def _unknown() -> Rejected:
    return Rejected(404, "no_such_request", "there is no such request", hint="`pgmaskproxy approvals list` shows them")


async def _decide(services: Services, request_id: str, person: Person, *, approve: bool, reason: str) -> bytes:
    if not is_id(request_id, "apr"):
        raise _unknown()
    try:
        decided = await services.broker.decide(request_id, person, approve=approve, reason=reason)
    except NoSuchRequest:
        raise _unknown() from None
    except NotAllowed as refused:
        raise Rejected(403, "not_allowed", refused.message, hint=refused.hint or None) from None
    except NotPending as late:
        raise Rejected(409, "not_pending", late.message, hint=late.request.note or None) from None
    return RequestDetail.of(decided, person, services.clock()).model_dump_json().encode()
