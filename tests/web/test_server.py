"""uvicorn inside a program's own loop, over real sockets."""

from __future__ import annotations

import asyncio
import signal

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.ports import bind
from pgmaskproxy.web.health import create_health_app
from pgmaskproxy.web.server import embedded_server


async def first_answer(web: httpx2.AsyncClient, path: str) -> httpx2.Response:
    for _ in range(500):
        try:
            return await web.get(path)
        except httpx2.ConnectError:
            await asyncio.sleep(0.02)
    raise AssertionError("the server did not start")


async def test_serves_and_ends_when_told_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    app = create_health_app(Metrics(process=False), lambda: {"all": True})
    server, bound = embedded_server(app, "127.0.0.1", 0)
    port = bound.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as web:
        answer = await first_answer(web, "/readyz")
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        server.should_exit = True
        await asyncio.wait_for(serving, 20)


async def test_what_is_open_for_ever_is_told_to_end() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await ended.wait()
        await send({"type": "http.response.body", "body": b"end"})

    server, bound = embedded_server(app, "127.0.0.1", 0, closing=ended.set)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}", trust_env=False) as web:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.02)
        async with web.stream("GET", "/") as answer:
            chunks = answer.aiter_bytes()
            assert await anext(chunks) == b"x"
            server.should_exit = True
            assert await asyncio.wait_for(anext(chunks), 20) == b"end"
    await asyncio.wait_for(serving, 20)


async def test_bytes_that_are_no_http_are_refused_and_the_server_lives() -> None:
    app = create_health_app(Metrics(process=False), lambda: {"all": True})
    server, bound = embedded_server(app, "127.0.0.1", 0)
    port = bound.getsockname()[1]
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as web:
        await first_answer(web, "/healthz")
    for garbage in (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000, b"\r\n" * 10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()
    async with httpx2.AsyncClient(trust_env=False) as web:
        assert (await web.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    server.should_exit = True
    await asyncio.wait_for(serving, 20)


def test_a_taken_port_is_named() -> None:
    with bind("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            bind("127.0.0.1", port)


def test_an_address_that_is_not_here_is_named() -> None:
    with pytest.raises(Unavailable, match=r"203\.0\.113\.1:0"):
        bind("203.0.113.1", 0)
