"""The REST interface as a person's command sees it: every answer a value, every refusal a Failure with an exit code."""

from __future__ import annotations

import ipaddress
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx2

from pgmaskproxy.cli import secret
from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import note
from pgmaskproxy.web.readable import one_line

DEFAULT_URL: Final = "http://127.0.0.1:8432"
SECONDS: Final = 15.0

CODES: Final[Mapping[int, Exit]] = {
    400: Exit.USAGE,
    401: Exit.NOPERM,
    403: Exit.NOPERM,
    404: Exit.NEGATIVE,
    409: Exit.NEGATIVE,
    422: Exit.USAGE,
    429: Exit.TEMPORARY,
}
"""Anything else that is no success is UNAVAILABLE."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person proves who they are: `token`, or `person` and `password`."""

    person: str = ""
    password: str = ""
    token: str = ""

    @classmethod
    def resolve(cls, person: str | None, token_file: Path | None, password_stdin: bool) -> Self:
        """From `--token-file`, PGMASKPROXY_TOKEN, or `--person` with PGMASKPROXY_PASSWORD, stdin or a prompt."""
        if token_file is not None:
            try:
                return cls(token=token_file.read_text().strip())
            except (OSError, UnicodeDecodeError) as error:
                raise Failure(Exit.USAGE, f"the token file cannot be read: {error}", where=str(token_file)) from None
        token = os.environ.get("PGMASKPROXY_TOKEN", "")
        if token and person is None:
            return cls(token=token)
        if person is None:
            raise Failure(
                Exit.NOPERM,
                "nobody is signed in",
                next_step="set PGMASKPROXY_TOKEN, or give --person and its password (`user token` makes a token)",
            )
        if password_stdin:
            return cls(person, secret.from_stdin())
        password = os.environ.get("PGMASKPROXY_PASSWORD", "")
        return cls(
            person,
            password
            or secret.ask(
                f"Password of {person}",
                instead="set PGMASKPROXY_PASSWORD or PGMASKPROXY_TOKEN, or use --password-stdin",
            ),
        )


class Client:
    """One signed-in person at one URL. Use as a context manager."""

    def __init__(self, url: str, sign_in: SignIn) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise Failure(
                Exit.USAGE, f"{url} is not an http or https address", next_step="set --url, for example " + DEFAULT_URL
            )
        local = _is_local(parts.hostname)
        if parts.scheme == "http" and not local:
            note(f"warning: {url} is not encrypted: the credential and the statements can be read on the way")
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json"}
        auth = None
        if sign_in.token:
            if not sign_in.token.isascii() or not sign_in.token.isprintable():
                raise Failure(Exit.USAGE, "the token is not one line of ASCII")
            headers["Authorization"] = f"Bearer {sign_in.token}"
        else:
            auth = httpx2.BasicAuth(sign_in.person, sign_in.password)
        # netrc and proxies of the environment have no business between a person and this machine
        self._http = httpx2.Client(
            base_url=self.url, headers=headers, auth=auth, timeout=SECONDS, trust_env=not local, follow_redirects=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, str | int | list[str]] | None = None) -> dict[str, Any]:
        """GET; the JSON object. Raises Failure."""
        return self._call("GET", path, params=dict(params or {}))

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """POST with an Idempotency-Key of its own; the JSON object. Raises Failure."""
        return self._call("POST", path, json=dict(body), headers={"Idempotency-Key": uuid.uuid4().hex})

    def delete(self, path: str) -> None:
        """DELETE. Raises Failure."""
        self._call("DELETE", path)

    def request(self, request_id: str) -> dict[str, Any]:
        """One approval request."""
        return self.get(f"/api/v1/requests/{quote(request_id, safe='')}")

    def requests(self, states: list[str], limit: int) -> list[dict[str, Any]]:
        """Up to `limit` requests in any of `states` (empty: all), newest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while len(found) < limit:
            params: dict[str, str | int | list[str]] = {"limit": min(200, limit - len(found))}
            if states:
                params["state"] = states
            if cursor:
                params["cursor"] = cursor
            page = self.get("/api/v1/requests", params)
            found += page["requests"]
            cursor = page["next"] or ""
            if not cursor:
                break
        return found

    @contextmanager
    def with_token(self, purpose: str) -> Iterator[Client]:
        """A client that signs in by a token made for `purpose` and revoked at the end: one password check, not one a
        second. This client itself when it already has a token."""
        if "authorization" in self._http.headers:
            yield self
            return
        made = self.post("/api/v1/tokens", {"note": purpose, "expires_in": 12 * 3600})
        with Client(self.url, SignIn(token=made["token"])) as client:
            try:
                yield client
            finally:
                client.delete(f"/api/v1/tokens/{made['id']}")

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx2.TransportError as error:
            raise Failure(
                Exit.UNAVAILABLE,
                f"the REST interface does not answer: {one_line(str(error)) or type(error).__name__}",
                where=self.url,
                next_step="is `pgmaskproxy serve` running? Name its address with --url or PGMASKPROXY_URL",
            ) from None
        if response.status_code == 204:
            return {}
        try:
            body = response.json()
        except ValueError:
            body = None
        if not response.is_success:
            raise self._failure(response.status_code, body if isinstance(body, dict) else {})
        if not isinstance(body, dict):
            raise Failure(Exit.UNAVAILABLE, "the answer is not pgmaskproxy's", where=self.url, next_step="check --url")
        return body

    def _failure(self, status: int, body: Mapping[str, object]) -> Failure:
        detail = one_line(str(body.get("detail") or f"the REST interface answered {status}"), 500)
        hint = one_line(str(body.get("hint") or ""), 500)
        return Failure(CODES.get(status, Exit.UNAVAILABLE), detail, where=self.url, next_step=hint)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
