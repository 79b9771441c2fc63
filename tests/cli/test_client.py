"""The REST client: credentials, and answers that are not what they should be."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pgmaskproxy.cli.client import Client, SignIn
from pgmaskproxy.cli.exits import Exit, Failure
from tests.cli.running import Running


@pytest.fixture
def other() -> Iterator[tuple[str, dict[str, object]]]:
    """Some other HTTP server: its answer is (status, type, body), and what it was sent is kept."""
    state: dict[str, object] = {"answer": (200, "text/html", b"<html>"), "seen": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = state["answer"]  # type: ignore[misc]
            state["seen"].append(dict(self.headers))  # type: ignore[attr-defined]
            self.send_response(status)  # type: ignore[has-type]
            self.send_header("Content-Type", kind)  # type: ignore[has-type]
            self.send_header("Location", "http://evil.example/")
            self.end_headers()
            self.wfile.write(body)  # type: ignore[has-type]

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, "text/html", b"<html>"), Exit.UNAVAILABLE),
        ((200, "application/json", b"[]"), Exit.UNAVAILABLE),
        ((302, "text/html", b""), Exit.UNAVAILABLE),
        ((500, "text/html", b"oops"), Exit.UNAVAILABLE),
        ((503, "application/problem+json", b'{"detail": "no store"}'), Exit.UNAVAILABLE),
        ((401, "text/plain", b"no"), Exit.NOPERM),
        ((403, "application/problem+json", b'{"detail": "x"}'), Exit.NOPERM),
        ((404, "application/json", b"{}"), Exit.NEGATIVE),
        ((409, "application/json", b"{}"), Exit.NEGATIVE),
        ((429, "application/json", b"{}"), Exit.TEMPORARY),
    ],
)
def test_every_answer_has_its_exit_code(
    other: tuple[str, dict[str, object]], answer: tuple[int, str, bytes], code: Exit
) -> None:
    url, state = other
    state["answer"] = answer
    with Client(url, SignIn(token="pgmp_x")) as client, pytest.raises(Failure) as caught:
        client.request("apr_x")
    assert caught.value.code is code
    assert caught.value.where == url


def test_what_a_server_says_cannot_drive_the_terminal(other: tuple[str, dict[str, object]]) -> None:
    url, state = other
    body = json.dumps({"detail": "\x1b[2J\n\u202e" + "x" * 5000, "hint": "\x07"}).encode()
    state["answer"] = (403, "application/problem+json", body)
    with Client(url, SignIn(token="pgmp_x")) as client, pytest.raises(Failure) as caught:
        client.request("apr_x")
    assert not set(caught.value.what + caught.value.next_step) & {"\x1b", "\n", "\u202e", "\x07"}
    assert len(caught.value.what) <= 500


def test_netrc_and_proxies_stay_out_of_it(
    other: tuple[str, dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = other
    (tmp_path / ".netrc").write_text("default login evil password evil\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    state["answer"] = (200, "application/json", b"{}")
    with Client(url, SignIn(token="pgmp_x")) as client:
        assert client.get("/") == {}
    seen = state["seen"]
    assert isinstance(seen, list)
    assert seen[0]["Authorization"] == "Bearer pgmp_x"


def test_plain_http_to_elsewhere_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    for url, warned in (
        ("http://approvals.example.com", True),
        ("https://approvals.example.com", False),
        ("http://localhost:8432", False),
        ("http://[::1]:8432", False),
    ):
        with Client(url, SignIn(token="x")):
            assert ("not encrypted" in capsys.readouterr().err) == warned


def test_pages_are_followed(served: Running) -> None:
    asked = [served.ask() for _ in range(5)]
    with Client(served.url, SignIn("bob", "bob's password")) as client, client.with_token("test") as by_token:
        assert [each["id"] for each in by_token.requests(["pending"], 100)] == asked[::-1]
        assert len(by_token.requests([], 3)) == 3
        with by_token.with_token("again") as same:
            assert same is by_token


def test_sign_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGMASKPROXY_TOKEN", "t")
    monkeypatch.setenv("PGMASKPROXY_PASSWORD", "p")
    assert SignIn.resolve(None, None, False) == SignIn(token="t")
    assert SignIn.resolve("bob", None, False) == SignIn("bob", "p"), "a flag beats the environment"
    (tmp_path / "token").write_text("from-file\n")
    assert SignIn.resolve("bob", tmp_path / "token", False) == SignIn(token="from-file")
    monkeypatch.delenv("PGMASKPROXY_TOKEN")
    with pytest.raises(Failure) as caught:
        SignIn.resolve(None, None, False)
    assert caught.value.code is Exit.NOPERM
