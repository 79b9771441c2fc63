"""/sign-in and /sign-out, and the files that every page needs."""

from __future__ import annotations

import base64
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from pgmaskproxy.logs import get_logger
from pgmaskproxy.web.pages.places import HOME, own_place
from pgmaskproxy.web.pages.sessions import proof_of
from pgmaskproxy.web.pages.site import Site, site_of
from pgmaskproxy.web.pages.visitor import LONGEST, SignInNeeded
from pgmaskproxy.web.problems import Rejected

LONGEST_NAME: Final = 256
LONGEST_PASSWORD: Final = 1024

router = APIRouter()

Pages = Annotated[Site, Depends(site_of)]


@router.get("/static/{name}")
async def static(request: Request, name: str, site: Pages) -> Response:
    """A style, a script, the icon."""
    found = site.assets.answer(name, request)
    if found is None:
        raise HTTPException(404)
    return found


@router.get("/sign-in")
async def sign_in_page(request: Request, site: Pages, next: str = HOME, ended: str = "", out: str = "") -> Response:  # noqa: A002 - its name in the URL
    """Asks for id and password; who is signed in goes on."""
    try:
        site.visit(request)
    except SignInNeeded:
        said = ""
        if out:
            said = "You are signed out."
        elif ended:
            said = "You were signed out, as happens after an hour without use. Please sign in again."
        return _ask(request, site, own_place(next), said=said)
    return RedirectResponse(own_place(next), 303)


@router.post("/sign-in")
async def sign_in(request: Request, site: Pages) -> Response:
    """Checks them, as REST does: the same limits, the same records. A session begins, and another one ends."""
    fields = await site.forms.read(request, request.cookies.get(site.cookies.form, "")[:LONGEST])
    place = own_place(fields.get("next", HOME))
    name, password = fields.get("person", ""), fields.get("password", "")
    if not name or not password or len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
        return _ask(request, site, place, wrong="Give your id and your password.", name=name[:LONGEST_NAME], status=422)
    try:
        person = await site.identity.by_form(request, name, password)
    except Rejected as rejected:
        if rejected.status not in {401, 429}:
            raise
        wrong = rejected.detail[:1].upper() + rejected.detail[1:] + "."
        if rejected.status == 429:
            wrong += f" {(rejected.hint or '').capitalize()}."
        # Without a challenge: a browser would answer one with a window of its own.
        status = 403 if rejected.status == 401 else rejected.status
        response = _ask(request, site, place, wrong=wrong, name=name, status=status)
        if "Retry-After" in rejected.headers:
            response.headers["Retry-After"] = rejected.headers["Retry-After"]
        return response
    site.sessions.end(request.cookies.get(site.cookies.session, "")[:LONGEST])
    now = site.services.clock()
    session = site.sessions.begin(person.id, proof_of(person.password_hash), now)
    get_logger("web").info("web_session_started", person=person.id)
    response = RedirectResponse(place, 303)
    site.cookies.put(response, site.cookies.session, session)
    site.cookies.drop(response, site.cookies.form)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, site: Pages) -> Response:
    """Ends the session, here and in the browser."""
    visit = site.visit(request, use=False)
    await site.forms.read(request, visit.cookie)
    site.sessions.end(visit.cookie)
    response = RedirectResponse("/sign-in?out=1", 303)
    site.cookies.drop(response, site.cookies.session)
    return response


def _ask(
    request: Request, site: Site, place: str, *, said: str = "", wrong: str = "", name: str = "", status: int = 200
) -> Response:
    known = request.cookies.get(site.cookies.form, "")[:LONGEST]
    cookie = known or base64.urlsafe_b64encode(site.services.randbytes(24)).decode()
    response = site.page(
        "signin.html",
        None,
        status,
        form_token=site.forms.token(cookie),
        next=place,
        said=said,
        wrong=wrong,
        name=name,
        to_request=place.startswith("/requests/"),
    )
    if not known:
        site.cookies.put(response, site.cookies.form, cookie)
    return response
