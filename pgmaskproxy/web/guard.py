"""The outermost layer: bounds what is read, stamps what is sent, and catches what nobody did."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgmaskproxy.logs import get_logger
from pgmaskproxy.web.problems import Rejected, problem

BODY_BYTES: Final = 64 * 1024
"""The longest request body: a reason, a few names."""

BODY_SECONDS: Final = 10.0
"""The longest a client may take to send it."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer. No CORS header is ever sent: another origin's script can read nothing."""

PAGE_HEADERS: Final = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # With no-referrer a browser would say `Origin: null` of our own forms, and they could not be told from others'.
    "Referrer-Policy": "same-origin",
}
"""On every answer that is a page for people: scripts and styles are files of ours, never text in the page."""

FORM: Final = "application/x-www-form-urlencoded"
API: Final = "/api/"


class Guard:
    """ASGI middleware. The whole (bounded) body is read before the application runs: a refused one changes nothing.

    `pages`: what is not below /api/ is for browsers. A link of another site may lead there, and forms are understood.
    """

    def __init__(
        self, app: ASGIApp, *, pages: bool = False, body_bytes: int = BODY_BYTES, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._pages = pages
        self._body_bytes = body_bytes
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; websockets are closed, lifespan events passed on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def stamped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._stamp(MutableHeaders(scope=message), page)
            await send(message)

        path = scope["path"]
        page = self._pages and not path.startswith(API)
        try:
            body = await self._body(scope, receive, page)
        except Rejected as rejected:
            await problem(path, rejected)(scope, receive, stamped)
            return
        except _Gone:
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        try:
            await self._app(scope, replay, stamped)
        except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, the caller learns only that it failed
            get_logger("web").error("web_request_failed", url_path=path, method=scope["method"], exc_info=error)
            if not started:
                with contextlib.suppress(OSError):
                    await problem(path, Rejected(500, "internal", "the request failed; nothing more is known here"))(
                        scope, replay, stamped
                    )

    @staticmethod
    def _stamp(headers: MutableHeaders, page: bool) -> None:
        kept = headers.get("cache-control") if page else None
        html = page and headers.get("content-type", "").startswith("text/html")
        for name, value in (PAGE_HEADERS if html else HEADERS).items():
            headers[name] = value
        if kept is not None and not html:
            headers["Cache-Control"] = kept

    async def _body(self, scope: Scope, receive: Receive, page: bool) -> bytes:
        headers = Headers(scope=scope)
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not (page and _followed(scope, headers)):
            raise Rejected(403, "cross_site", "a page of another site may not use this interface")
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or len(declared) > 10 or int(declared) > self._body_bytes:
            raise self._too_long()
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    chunk: bytes = message.get("body", b"")
                    size += len(chunk)
                    if size > self._body_bytes:
                        raise self._too_long()
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Rejected(408, "too_slow", f"the body did not arrive within {self._body_seconds:g} seconds") from None
        body = b"".join(chunks)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and page and kind != FORM:
            raise Rejected(415, "not_a_form", f"the body must be {FORM}")
        if body and not page and kind != "application/json":
            raise Rejected(415, "not_json", "the body must be application/json")
        return body

    def _too_long(self) -> Rejected:
        return Rejected(
            413, "too_long", f"the body is longer than {self._body_bytes} bytes", headers={"Connection": "close"}
        )


def _followed(scope: Scope, headers: Headers) -> bool:
    """Whether somebody followed a link (from a chat, a mail): a whole page in a tab of its own, that only reads."""
    return (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


class _Gone(Exception):
    """The client left before its body was whole."""
