"""The demo's stand-in for Teams: takes what a Workflows flow takes, and shows the channel on a page.

    with TeamsRoom() as room:
        room.flow      # what the proxy posts to: answers 202, as a flow does
        room.url       # what a person opens: the cards, newest first

On loopback only, without a script; it is no part of the product.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, final

from pgmaskproxy.demo.cards import card_html
from pgmaskproxy.demo.server import HOST

LONGEST: Final = 28 * 1024
"""Bytes of a message that Teams takes."""
KEPT: Final = 50
CONTENT_TYPE: Final = "application/vnd.microsoft.card.adaptive"

STYLE: Final = """\
:root { color-scheme: light dark; --paper: #fff; --page: #f0f0f5; --ink: #242424; --soft: #616161; --line: #d8d8e0;
  --code: #f0f0f4; --accent: #4f52b2; --good: #0e700e; --warning: #8a5300; --attention: #b10e1c }
@media (prefers-color-scheme: dark) { :root { --paper: #292929; --page: #1a1a1a; --ink: #f5f5f5; --soft: #adadad;
  --line: #444; --code: #1f1f1f; --accent: #9299f7; --good: #6dca6d; --warning: #f5b863; --attention: #f29aa3 } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 "Segoe UI", system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.15rem; margin: 0 0 .25rem } h2 { font-size: .9rem; margin: 0 0 .5rem; font-weight: 600 }
header p, h2 span, .subtle { color: var(--soft); font-weight: 400 }
article { margin: 1.25rem 0; padding: .9rem 1.1rem 1.1rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: .5rem }
.card p { margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.card div { margin: .6rem 0 } .line { border-top: 1px solid var(--line); padding-top: .5rem }
.emphasis { background: var(--code); padding: .5rem .8rem; border-radius: .3rem }
.fonttype-monospace { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .87rem }
.size-large { font-size: 1.25rem } .size-medium { font-size: 1.05rem } .size-small { font-size: .82rem }
.weight-bolder { font-weight: 650 } .italic { font-style: italic }
.color-good { color: var(--good) } .color-warning { color: var(--warning) } .color-attention { color: var(--attention) }
.button { display: inline-block; padding: .4rem .9rem; border-radius: .3rem; background: var(--accent);
  color: var(--paper); text-decoration: none; font-weight: 600 }
.button:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
"""
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@final
class TeamsRoom:
    """Listens on a free port of loopback while it is entered."""

    def __init__(self) -> None:
        self._path = f"/workflows/{secrets.token_hex(8)}"
        self._posted: list[tuple[datetime, Mapping[str, Any]]] = []
        self._arrived = threading.Condition()
        room = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                self.answer(room._take(self.path, self.sent()))

            def do_GET(self) -> None:
                pages = {"/": (200, room.page(), "text/html"), "/style.css": (200, STYLE, "text/css")}
                self.answer(*pages.get(self.path, (404, "there is nothing here", "text/plain")))

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="teams", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The page with the cards."""
        return f"http://{HOST}:{self._server.server_port}/"

    @property
    def flow(self) -> str:
        """Where messages are posted."""
        return f"http://{HOST}:{self._server.server_port}{self._path}"

    @property
    def cards(self) -> list[Mapping[str, Any]]:
        """What was posted, oldest first."""
        with self._arrived:
            return [card for _, card in self._posted]

    def wait_for(self, text: str, seconds: float) -> Mapping[str, Any] | None:
        """The first card with `text` in it, as soon as it is there; None when it does not come in time."""
        found: list[Mapping[str, Any]] = []

        def look() -> bool:
            found[:] = [card for _, card in self._posted if text in json.dumps(card, ensure_ascii=False)][:1]
            return bool(found)

        with self._arrived:
            self._arrived.wait_for(look, seconds)
        return found[0] if found else None

    def page(self) -> str:
        """The channel as HTML."""
        with self._arrived:
            posted = list(reversed(self._posted))
        articles = "".join(
            f"<article><h2>pgmaskproxy <span>via Workflows, {at:%H:%M:%S}</span></h2>{card_html(card)}</article>"
            for at, card in posted
        )
        nothing = "<p>No card yet. Ask for something that is held.</p>"
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<title>Teams, in the demo</title><link rel="stylesheet" href="/style.css"><main><header>'
            "<h1>The database administrators' channel</h1><p>This page stands in for Microsoft Teams.</p></header>"
            f"{articles or nothing}</main></html>"
        )

    def _take(self, path: str, body: bytes) -> int:
        """The status that a flow answers with: 202 for a message with cards, before anything is done with it."""
        if path != self._path:
            return 404
        if len(body) > LONGEST:
            return 413
        try:
            attachments = json.loads(body)["attachments"]
            found = [each["content"] for each in attachments if each["contentType"] == CONTENT_TYPE]
        except (ValueError, KeyError, TypeError):
            return 400
        with self._arrived:
            self._posted = [*self._posted, *((datetime.now().astimezone(), card) for card in found)][-KEPT:]
            self._arrived.notify_all()
        return 202


class _Handler(BaseHTTPRequestHandler):
    def sent(self) -> bytes:
        length = self.headers.get("content-length", "")
        return self.rfile.read(min(int(length), LONGEST + 1)) if length.isdigit() else b""

    def answer(self, status: int, text: str = "", kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library calls it so
        """The demo tells its own story."""
