"""/metrics, /healthz and /readyz: plain, without sign-in, on a listener of their own (loopback by default)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.web.guard import Guard

Ready: TypeAlias = Callable[[], Mapping[str, bool]]
"""What the process needs, by name, and whether it has it: upstream, state, audit, policy..."""


Page: TypeAlias = Callable[[str], Awaitable[tuple[bytes, str]]]
"""What /metrics shows: an Accept header -> the body and its type."""


def create_health_app(metrics: Metrics, ready: Ready, page: Page | None = None) -> Guard:
    """The ASGI application of the metrics listener. `ready` is called per /readyz and must not block; `page` shows more
    than `metrics` has."""

    async def exposition(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        body, kind = metrics.exposition(accept) if page is None else await page(accept)
        return Response(body, media_type=None, headers={"Content-Type": kind})

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readiness(_request: Request) -> Response:
        parts = dict(ready())
        good = bool(parts) and all(parts.values())
        return JSONResponse({"status": "ready" if good else "not ready", "parts": parts}, 200 if good else 503)

    return Guard(
        Starlette(routes=[Route("/metrics", exposition), Route("/healthz", alive), Route("/readyz", readiness)])
    )
