from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pgmaskproxy.demo.approver import Approver

Seen = list[tuple[str, str, str, object]]


@pytest.fixture
def interface() -> Iterator[tuple[str, Seen]]:
    """An HTTP server that remembers what it is asked and answers 200 to GET, 403 to POST."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, b'{"state": "pending"}')

        def do_POST(self) -> None:
            self._answer(403, b'{"detail": "not you"}' if "reject" not in self.path else b"no JSON")

        def _answer(self, status: int, body: bytes) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            seen.append((self.command, self.path, login, json.loads(sent) if sent else None))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


def test_a_person_signs_in_with_every_call(interface: tuple[str, Seen]) -> None:
    url, seen = interface
    with Approver(url, "bob", "secret") as bob:
        assert bob.request("apr_1").body == {"state": "pending"}
        answer = bob.approve("apr_1", "fine")
        assert (answer.status, answer.detail) == (403, "not you")
        answer = bob.reject("apr_1", "no")
        assert (answer.status, answer.detail) == (403, "no JSON")
    assert seen == [
        ("GET", "/api/v1/requests/apr_1", "bob:secret", None),
        ("POST", "/api/v1/requests/apr_1/approve", "bob:secret", {"reason": "fine"}),
        ("POST", "/api/v1/requests/apr_1/reject", "bob:secret", {"reason": "no"}),
    ]
