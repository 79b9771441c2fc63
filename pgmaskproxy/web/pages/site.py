"""What all pages share, and what is answered where nobody is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from pgmaskproxy.web.idempotency import Answers
from pgmaskproxy.web.identity import Identity
from pgmaskproxy.web.pages.assets import Assets
from pgmaskproxy.web.pages.forms import Forms, origin_of
from pgmaskproxy.web.pages.places import own_place, sign_in_first
from pgmaskproxy.web.pages.render import Renderer
from pgmaskproxy.web.pages.sessions import Sessions
from pgmaskproxy.web.pages.visitor import CameFromElsewhere, Cookies, SignInNeeded, Visit, visit
from pgmaskproxy.web.problems import Rejected
from pgmaskproxy.web.services import Services

WORDS: Final[Mapping[int, str]] = {
    400: "That makes no sense here",
    403: "You may not do that",
    404: "There is no such page",
    405: "There is no such page",
    409: "Too late",
    422: "Something is missing",
    429: "Too many attempts",
    503: "Not now",
}


@final
class Site:
    """What all pages share. One per application."""

    def __init__(self, services: Services, identity: Identity, answers: Answers) -> None:
        self.services: Final = services
        self.identity: Final = identity
        self.answers: Final = answers
        self.assets: Final = Assets()
        self.sessions: Final = Sessions(services.randbytes)
        self.forms: Final = Forms(origin_of(services.public_url), services.randbytes)
        self.cookies: Final = Cookies(secure=services.public_url.lower().startswith("https:"))
        self._renderer: Final = Renderer(self.assets)

    def visit(self, request: Request, *, use: bool = True) -> Visit:
        """See `visitor.visit`."""
        return visit(request, self.services, self.sessions, self.cookies, use=use)

    def page(self, template: str, visit: Visit | None, status: int = 200, **names: Any) -> Response:
        """A page; `visit` is who looks at it."""
        return self._renderer.page(
            template,
            status,
            me=None if visit is None else visit.person,
            token="" if visit is None else self.forms.token(visit.cookie),
            **names,
        )

    def wrong(self, request: Request, rejected: Rejected) -> Response:
        """The page that says what was wrong."""
        try:
            who = self.visit(request, use=False)
        except (SignInNeeded, CameFromElsewhere):
            who = None
        title = WORDS.get(rejected.status, "That did not work")
        response = self.page(
            "error.html", who, rejected.status, title=title, detail=rejected.detail, hint=rejected.hint or ""
        )
        for name in ("Retry-After", "Allow"):
            if name in rejected.headers:
                response.headers[name] = rejected.headers[name]
        return response


def site_of(request: Request) -> Site:
    """The site of the application that `request` came to; for FastAPI's Depends."""
    found: Site = request.app.state.site
    return found


def install(app: FastAPI) -> None:
    """Who is not signed in is asked to, wherever on the pages."""
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(CameFromElsewhere, _come_in)


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    if "hx-request" in request.headers:  # a part of a page: there is nothing to show but that it is over
        return Response(status_code=401)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        wanted = own_place(wanted.rpartition("/")[0])
    place = sign_in_first(wanted)
    if error.ended:
        place += ("&" if "?" in place else "?") + "ended=1"
    return RedirectResponse(place, 303)


async def _come_in(request: Request, _error: Exception) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return site_of(request).page("continue.html", None, place=own_place(wanted))
