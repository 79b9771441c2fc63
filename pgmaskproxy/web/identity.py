"""Which person a request comes from: a bearer token (RFC 6750) or an id and password (RFC 7617).

Only people of the directory can sign in. A database login is never looked at, even where a person has
the same name: its verifier is no password of anybody's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Request

from pgmaskproxy.audit.events import person_refused, person_signed_in
from pgmaskproxy.logs import get_logger
from pgmaskproxy.web.problems import Rejected, unauthenticated
from pgmaskproxy.web.services import Account, Services
from pgmaskproxy.web.throttle import Throttle

TOKEN_PREFIX: Final = "pgmp_"  # noqa: S105 - what secret scanners find a leaked token by
TOKEN_BYTES: Final = 32
CREDENTIAL_CHARACTERS: Final = 2048
"""The longest Authorization value that is looked at."""


def token_hash(token: str) -> str:
    """SHA-256 of a token, hexadecimal: it is 256 random bits, so that neither salt nor stretching adds anything."""
    return hashlib.sha256(token.encode()).hexdigest()


class Identity:
    """Signs people in. One instance per application: it remembers failures, and bounds the work of checking."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hasher = PasswordHasher()
        self._decoy = self._hasher.hash(secrets.token_hex(16))
        self._throttle = Throttle()
        self._checks = asyncio.Semaphore(2)  # argon2id takes 64 MiB each

    async def signed_in(self, request: Request) -> Account:
        """The person behind `request`. Raises Rejected: 401 for none or a wrong one, 429 for too many wrong ones."""
        scheme, credential = self._credential(request)
        if scheme == "bearer":
            return await self._by_token(credential, self._address(request))
        return await self._by_basic(credential, self._address(request))

    async def by_password(self, request: Request) -> Account:
        """As `signed_in`, but a token will not do: a stolen one must not be able to make more."""
        scheme, credential = self._credential(request)
        if scheme != "basic":
            raise unauthenticated("a token cannot do this", "use the person's id and password (HTTP Basic)")
        return await self._by_basic(credential, self._address(request))

    def _credential(self, request: Request) -> tuple[str, str]:
        values = request.headers.getlist("authorization")
        if not values:
            raise unauthenticated("nobody is signed in")
        scheme, _, credential = values[0].partition(" ")
        scheme, credential = scheme.lower(), credential.strip()
        if len(values) > 1 or scheme not in {"bearer", "basic"} or len(credential) > CREDENTIAL_CHARACTERS:
            raise unauthenticated("the Authorization header is not one token or one id and password")
        return scheme, credential

    async def _by_token(self, token: str, address: str) -> Account:
        found = await self._services.store.token(token_hash(token)) if token.startswith(TOKEN_PREFIX) else None
        now = self._services.clock()
        person = None
        if found is not None and found.revoked is None and now < found.expires:
            person = self._services.directory().person(found.person)
        if person is None:
            # counted after the look-up: nobody finds 256 bits by trying, and a good token must not suffer from others
            self._refuse_if_limited("bearer", "", address, now)
            claimed = found.person if found is not None else ""
            raise await self._failed("bearer", claimed, address, "the token is unknown, expired or revoked")
        self._count("bearer", "ok")
        return person

    async def by_form(self, request: Request, name: str, password: str) -> Account:
        """The person who typed their id and password into the sign-in page; limited and recorded as all others."""
        return await self._by_password(name, password, self._address(request), "form")

    async def _by_basic(self, credential: str, address: str) -> Account:
        name, password = _decode_basic(credential)
        return await self._by_password(name, password, address, "basic")

    async def _by_password(self, name: str, password: str, address: str, method: str) -> Account:
        now = self._services.clock()
        self._refuse_if_limited(method, name, address, now)
        person = self._services.directory().person(name)
        stored = person.password_hash if person is not None else None
        async with self._checks:
            good = await asyncio.to_thread(self._verify, stored or self._decoy, password)
        if person is None or not stored or not good:
            raise await self._failed(method, name, address, "the id or the password is wrong")
        self._throttle.succeeded(name, address, now)
        await self._services.record(person_signed_in(person.id, address, "password"), durable=False)
        self._count(method, "ok")
        return person

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _refuse_if_limited(self, method: str, name: str, address: str, now: float) -> None:
        wait = self._throttle.attempt(name, address, now)
        if wait > 0.0:
            self._count(method, "limited")
            get_logger("web").warning("web_login_limited", method=method, client_addr=address)
            seconds = int(wait) + 1
            raise Rejected(
                429,
                "too_many_failures",
                "too many failed attempts to sign in",
                hint=f"try again in {seconds} seconds",
                headers={"Retry-After": str(seconds)},
            )

    async def _failed(self, method: str, claimed: str, address: str, detail: str) -> Rejected:
        claimed = claimed[:64].encode("utf-8", "replace").decode()
        await self._services.record(person_refused(claimed, address, detail), durable=False)
        self._count(method, "failed")
        get_logger("web").warning("web_login_failed", method=method, client_addr=address)
        return unauthenticated(detail)

    def _count(self, method: str, outcome: str) -> None:
        self._services.metrics.auth_attempts.labels(method, outcome).inc()

    @staticmethod
    def _address(request: Request) -> str:
        return request.client.host if request.client is not None else ""


def _decode_basic(credential: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise unauthenticated("the id and password are not encoded as RFC 7617 has it")
    return name, password


async def signed_in(request: Request) -> Account:
    """The person behind `request`; for FastAPI's Depends."""
    identity: Identity = request.app.state.identity
    return await identity.signed_in(request)


async def signed_in_by_password(request: Request) -> Account:
    """The person behind `request`, by password; for FastAPI's Depends."""
    identity: Identity = request.app.state.identity
    return await identity.by_password(request)
