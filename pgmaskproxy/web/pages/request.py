"""/requests/{id}: everything about one request, and the answer to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.approval.summary import Summary, summarize
from pgmaskproxy.approval.visible import visible
from pgmaskproxy.web.pages.places import own_place
from pgmaskproxy.web.pages.render import duration, since
from pgmaskproxy.web.pages.site import Site, site_of
from pgmaskproxy.web.pages.visitor import Visit
from pgmaskproxy.web.problems import Rejected
from pgmaskproxy.web.requests import approved, rejected
from pgmaskproxy.web.requests import visible as visible_request
from pgmaskproxy.web.shapes import Approval, CastVote, Rejection, RequestDetail, moment

MANY_LINES: Final = 40
"""A longer statement is said to be one, before it is shown."""

router = APIRouter(prefix="/requests")

Pages = Annotated[Site, Depends(site_of)]


@dataclass(frozen=True, slots=True)
class View:
    """One request for one person at one moment."""

    summary: Summary
    detail: RequestDetail
    own_vote: CastVote | None
    ending: str
    """What came of it, in a sentence; '' while it is open."""
    asked_ago: float
    """Seconds."""
    reason_required: bool
    lines: int

    @property
    def long(self) -> bool:
        """Whether the statement is long enough to say so."""
        return self.lines > MANY_LINES or len(self.detail.sql) > 80 * MANY_LINES


def view_of(request: ApprovalRequest, visit: Visit, now: float) -> View:
    """`request` as `visit`'s person gets it at `now`, Unix seconds."""
    detail = RequestDetail.of(request, visit.person, now)
    own = [each for each in detail.votes if each.person == visit.person.id]
    return View(
        summary=summarize(request),
        detail=detail,
        own_vote=own[-1] if own else None,
        ending=_ending(detail, now),
        asked_ago=now - request.created,
        reason_required=any(term.reason_required for term in request.terms),
        lines=request.sql.count("\n") + 1,
    )


@router.get("/{request_id}")
async def show(request: Request, request_id: str, site: Pages) -> Response:
    """The page."""
    return await _page(site, site.visit(request), request_id)


@router.get("/{request_id}/state")
async def state(request: Request, request_id: str, site: Pages) -> Response:
    """What can change while the page is open."""
    visit = site.visit(request, use=False)
    found = await visible_request(request_id, visit.person, site.services)
    return site.page(
        "request_state.html", visit, view=view_of(found, visit, site.services.clock()), wrong="", reason=""
    )


@router.post("/{request_id}/approve")
async def approve(request: Request, request_id: str, site: Pages) -> Response:
    """A person agrees, to exactly what they have seen."""
    visit = site.visit(request)
    fields = await site.forms.read(request, visit.cookie)
    reason = fields.get("reason", "")

    async def cast() -> bytes:
        body = Approval(reason=reason, digest=fields.get("digest", ""))
        return await approved(
            site.answers, site.services, request_id, visit.person, body=body, key=fields.get("key") or None
        )

    return await _answer(site, visit, request_id, cast, what="approval", reason=reason)


@router.post("/{request_id}/reject")
async def reject(request: Request, request_id: str, site: Pages) -> Response:
    """A person refuses, and says why."""
    visit = site.visit(request)
    fields = await site.forms.read(request, visit.cookie)
    reason = fields.get("reason", "")

    async def cast() -> bytes:
        body = Rejection(reason=reason)
        return await rejected(
            site.answers, site.services, request_id, visit.person, body=body, key=fields.get("key") or None
        )

    return await _answer(site, visit, request_id, cast, what="rejection", reason=reason)


async def _answer(
    site: Site, visit: Visit, request_id: str, cast: Callable[[], Awaitable[bytes]], *, what: str, reason: str
) -> Response:
    """To the page as it is after the vote; or as it is, and why the vote does not count."""
    try:
        await cast()
    except ValidationError as error:
        if any(item["loc"] != ("reason",) for item in error.errors()):
            raise Rejected(400, "bad_form", "the form cannot be read") from None
        wrong = "That reason is too long." if reason.strip() else "Say why you reject it: who asked is told."
        return await _page(site, visit, request_id, wrong=wrong, reason=reason, status=422)
    except Rejected as refused:
        if refused.status not in {403, 409}:
            raise
        wrong = f"Your {what} does not count: {visible(refused.detail)}."
        if refused.reason == "not_pending":
            wrong = f"Your {what} came too late and does not count."
        return await _page(site, visit, request_id, wrong=wrong, reason=reason, status=refused.status)
    return RedirectResponse(own_place(f"/requests/{request_id}"), 303)


async def _page(
    site: Site, visit: Visit, request_id: str, *, wrong: str = "", reason: str = "", status: int = 200
) -> Response:
    found = await visible_request(request_id, visit.person, site.services)
    view = view_of(found, visit, site.services.clock())
    return site.page("request.html", visit, status, view=view, wrong=wrong, reason=reason)


def _ending(detail: RequestDetail, now: float) -> str:
    last = detail.votes[-1] if detail.votes else None
    ago = f"{duration(since(detail.ended, moment(now)))} ago" if detail.ended is not None else ""
    match detail.state:
        case State.PENDING:
            return ""
        case State.APPROVED:
            return f"{_people(detail.votes)} approved it; it is about to run."
        case State.RELEASED:
            return f"{_people(detail.votes)} approved it, and it was sent to the database {ago}."
        case State.REJECTED:
            return f"{last.person if last is not None else 'Somebody'} rejected it {ago}. It did not run."
        case State.EXPIRED:
            return f"Nobody decided in time: it expired {ago}. It did not run."
        case State.CANCELLED:
            return f"Who asked cancelled it {ago}. It did not run."
        case State.WITHDRAWN:
            return f"It was withdrawn {ago}: {detail.note or 'the client went away'}. It did not run."


def _people(votes: Sequence[CastVote]) -> str:
    names = [each.person for each in votes if each.approve]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "Nobody"
