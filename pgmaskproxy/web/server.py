"""uvicorn inside the program's own event loop: no signal handlers, no log of its own, no header that names it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from pgmaskproxy.ports import bind

GRACE_SECONDS = 5
"""How long open requests may take to end after `should_exit` is set."""


class EmbeddedServer(uvicorn.Server):
    """A server that leaves signals to the composition root: set `should_exit` to end `serve()`.

    `closing` is called when it begins to end: whoever keeps a response open for ever is to end it now.
    """

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends what is open, within `GRACE_SECONDS`."""
        self._closing()
        await super().shutdown(sockets)


def embedded_server(
    app: ASGIApp, host: str, port: int, closing: Callable[[], None] = lambda: None
) -> tuple[EmbeddedServer, socket.socket]:
    """A server for `app` and its bound socket; run it with `await server.serve(sockets=[bound])`.

    Binds at once, so that a taken port is known before anything is served. Raises `Unavailable`.
    """
    return server_of(app, closing), bind(host, port)


def server_of(app: ASGIApp, closing: Callable[[], None] = lambda: None) -> EmbeddedServer:
    """A server for `app`, without a socket."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,  # a client could claim any address and so escape the limit on failures
        lifespan="off",
        ws="none",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=256,
        h11_max_incomplete_event_size=32 * 1024,
    )
    return EmbeddedServer(config, closing)
