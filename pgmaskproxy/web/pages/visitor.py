"""Who looks at a page: the person of a session's cookie, or nobody, who is asked to sign in first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

from fastapi import Request
from starlette.responses import Response

from pgmaskproxy.web.pages.sessions import ABSOLUTE_SECONDS, Session, Sessions, proof_of
from pgmaskproxy.web.services import Account, Services

LONGEST: Final = 128
"""Characters of a cookie that is looked at."""


class SignInNeeded(Exception):
    """Nobody is signed in. `ended`: somebody was."""

    def __init__(self, *, ended: bool) -> None:
        super().__init__("nobody is signed in")
        self.ended = ended


class CameFromElsewhere(Exception):
    """A link of another site was followed: the browser kept the (strict) cookie to itself, and brings it to a page
    that we send it to ourselves."""


@final
@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody signed in, in one browser."""

    person: Account
    session: Session = field(repr=False)
    cookie: str = field(repr=False)


@final
class Cookies:
    """Names and attributes. `__Host-` binds a cookie to exactly this host, and browsers keep it from plain HTTP."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self.session: Final = f"{'__Host-' if secure else ''}pgmaskproxy-session"
        self.form: Final = f"{'__Host-' if secure else ''}pgmaskproxy-form"

    def put(self, response: Response, name: str, value: str) -> None:
        """Sets one for as long as the browser runs, and no longer than a session may last."""
        response.set_cookie(
            name, value, max_age=int(ABSOLUTE_SECONDS), path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    def drop(self, response: Response, name: str) -> None:
        """Removes one."""
        response.delete_cookie(name, path="/", secure=self._secure, httponly=True, samesite="strict")


def visit(request: Request, services: Services, sessions: Sessions, cookies: Cookies, *, use: bool) -> Visit:
    """Who is there. With `use` this is the person's own doing and keeps the session awake. Raises SignInNeeded, and
    CameFromElsewhere where the browser may only not have shown who it is."""
    cookie = request.cookies.get(cookies.session, "")[:LONGEST]
    if not cookie and request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        raise CameFromElsewhere
    session = sessions.find(cookie, services.clock(), use=use) if cookie else None
    if session is None:
        raise SignInNeeded(ended=bool(cookie))
    person = services.directory().person(session.person)
    if person is None or not person.password_hash or proof_of(person.password_hash) != session.proof:
        sessions.end(cookie)
        raise SignInNeeded(ended=True)
    return Visit(person, session, cookie)
