"""The REST interface on a loopback port, in a thread of its own, for commands that are its clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pgmaskproxy.web.app import create_app
from pgmaskproxy.web.server import embedded_server
from tests.web.stage import Stage, staged

T = TypeVar("T")


class Running:
    """A stage that is served; `do` runs a coroutine on its event loop."""

    def __init__(self, stage: Stage, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.stage = stage
        self.url = f"http://127.0.0.1:{port}"
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def ask(self, **facts: Any) -> str:
        """The id of a new request."""
        return self.do(self.stage.ask(**facts)).id


@contextmanager
def running(place: Path) -> Iterator[Running]:
    ready: list[Running] = []
    servers = []
    started = threading.Event()

    async def serve() -> None:
        async with staged(place) as stage:
            server, bound = embedded_server(create_app(stage.services), "127.0.0.1", 0)
            servers.append(server)
            ready.append(Running(stage, bound.getsockname()[1], asyncio.get_running_loop()))
            started.set()
            await server.serve(sockets=[bound])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(30)
        yield ready[0]
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(30)
