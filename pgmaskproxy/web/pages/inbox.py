"""/: what waits for a decision, and /events, which says when to look again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.approval.summary import Summary, summarize
from pgmaskproxy.errors import Unavailable
from pgmaskproxy.store.protocol import Filter
from pgmaskproxy.web.pages.site import Site, site_of
from pgmaskproxy.web.pages.visitor import SignInNeeded, Visit
from pgmaskproxy.web.problems import Rejected
from pgmaskproxy.web.requests import seen_by
from pgmaskproxy.web.shapes import RequestSummary

SHOWN: Final = 100
"""Requests in the inbox; the rest is in the history."""

ALIVE_SECONDS: Final = 15.0
"""Between signs of life: shorter than the patience of load balancers, and how late a change of another process is."""

router = APIRouter()

Pages = Annotated[Site, Depends(site_of)]


@dataclass(frozen=True, slots=True)
class Item:
    """A request in a list: what anybody is told of it, and what this person may do."""

    summary: Summary
    request: RequestSummary
    sql: str
    agreed: int
    """How many people have, so far."""


def item_of(request: ApprovalRequest, visit: Visit, now: float) -> Item:
    """`request` as `visit`'s person gets it in a list."""
    summary = summarize(request)
    sql = summary.sql[0].text if summary.sql else ""
    agreed = sum(vote.approve for vote in request.votes)
    return Item(summary, RequestSummary.of(request, visit.person, now), sql, agreed)


@router.get("/")
async def inbox(request: Request, site: Pages) -> Response:
    """The page."""
    visit = site.visit(request)
    return await _list(site, visit, "inbox.html")


@router.get("/inbox")
async def part(request: Request, site: Pages) -> Response:
    """The list alone, for a page that is open."""
    return await _list(site, site.visit(request, use=False), "inbox_list.html")


async def _list(site: Site, visit: Visit, template: str) -> Response:
    found, more = await seen_by(
        visit.person, site.services, Filter(states=frozenset({State.PENDING})), limit=SHOWN, cursor=None
    )
    now = site.services.clock()
    items = sorted((item_of(each, visit, now) for each in found), key=lambda each: each.request.deadline)
    return site.page(
        template,
        visit,
        mine=[each for each in items if each.request.you.may_decide],
        others=[each for each in items if not each.request.you.may_decide],
        more=more is not None,
    )


@router.get("/events")
async def events(request: Request, site: Pages) -> Response:
    """Server-sent events (HTML, 9.2): `changed` when something has, `over` when the session has ended."""
    site.visit(request, use=False)
    if site.services.pulse.full:
        raise Rejected(503, "too_many_watchers", "too many pages are open", hint="reload the page to look again")
    return StreamingResponse(stream(request, site), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def stream(request: Request, site: Site, seconds: float = ALIVE_SECONDS) -> AsyncGenerator[str]:
    """What one page hears, for as long as the session lasts and the server runs."""
    pulse = site.services.pulse
    with pulse.watching(), suppress(Unavailable):  # the page asks again, and is told why not
        beats, known = pulse.beats, await _open(site)
        yield "retry: 3000\nevent: changed\ndata: 0\n\n"
        while True:
            after = await pulse.after(beats, seconds)
            if pulse.closed:
                return
            try:
                site.visit(request, use=False)
            except SignInNeeded:
                yield "event: over\ndata: 0\n\n"
                return
            now = await _open(site)
            moved = after != beats or now != known
            beats, known = after, now
            yield f"event: changed\ndata: {beats}\n\n" if moved else ": still here\n\n"


async def _open(site: Site) -> Sequence[str]:
    """What is open, whoever has opened it: another process's requests beat no pulse here."""
    return await site.services.store.due(float("inf"))
