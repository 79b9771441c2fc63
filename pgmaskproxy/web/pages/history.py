"""/history: what was asked before, and what came of it."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from pgmaskproxy.approval.request import State
from pgmaskproxy.store.protocol import Filter
from pgmaskproxy.web.pages.inbox import item_of
from pgmaskproxy.web.pages.render import STATES
from pgmaskproxy.web.pages.site import Site, site_of
from pgmaskproxy.web.requests import seen_by

PAGE: Final = 25
CHOICES: Final = {
    "": ("Any", frozenset[State]()),
    "waiting": (STATES[State.PENDING], frozenset({State.PENDING})),
    "approved": ("Approved", frozenset({State.APPROVED, State.RELEASED})),
    "rejected": (STATES[State.REJECTED], frozenset({State.REJECTED})),
    "expired": (STATES[State.EXPIRED], frozenset({State.EXPIRED})),
    "withdrawn": ("Withdrawn or cancelled", frozenset({State.WITHDRAWN, State.CANCELLED})),
}
"""What can be asked for: its word in the URL, what it is called, and the states."""

router = APIRouter()

Pages = Annotated[Site, Depends(site_of)]
Name = Annotated[str, Query(max_length=63)]


@router.get("/history")
async def history(
    *,
    request: Request,
    site: Pages,
    state: Annotated[str, Query(max_length=20)] = "",
    login: Name = "",
    database: Name = "",
    before: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """A page of them, newest first; `before` is the last one of the page before."""
    visit = site.visit(request)
    state = state if state in CHOICES else ""
    which = Filter(states=CHOICES[state][1], principal=login.strip(), database=database.strip())
    found, after = await seen_by(visit.person, site.services, which, PAGE, before or None)
    now = site.services.clock()
    asked = {name: value for name, value in (("state", state), ("login", login), ("database", database)) if value}
    return site.page(
        "history.html",
        visit,
        items=[item_of(each, visit, now) for each in found],
        choices={word: name for word, (name, _) in CHOICES.items()},
        state=state,
        login=login,
        database=database,
        filtered=bool(asked),
        first=f"/history?{urlencode(asked)}" if asked else "/history",
        paged=bool(before),
        older=None if after is None else f"/history?{urlencode(asked | {'before': after})}",
    )
