"""The metrics listener: without sign-in, and true about readiness."""

from __future__ import annotations

import httpx2
import pytest

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.web.guard import HEADERS
from pgmaskproxy.web.health import create_health_app


def client(parts: dict[str, bool], metrics: Metrics | None = None) -> httpx2.AsyncClient:
    app = create_health_app(metrics or Metrics(process=False), lambda: parts)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://health.test")


async def test_metrics_in_both_formats() -> None:
    metrics = Metrics(process=False)
    metrics.statement("shop", "SelectStmt", "allow")
    async with client({}, metrics) as web:
        plain = await web.get("/metrics")
        assert plain.headers["content-type"].startswith("text/plain; version=")
        assert 'pgmaskproxy_statements_total{database="shop",decision="allow",kind="SelectStmt"} 1.0' in plain.text
        openmetrics = await web.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
        assert openmetrics.text.endswith("# EOF\n")


async def test_alive_even_when_not_ready() -> None:
    async with client({"upstream": False}) as web:
        answer = await web.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("parts", "status"),
    [({"upstream": True, "audit": True}, 200), ({"upstream": False, "audit": True}, 503), ({}, 503)],
)
async def test_ready_when_every_part_is(parts: dict[str, bool], status: int) -> None:
    async with client(parts) as web:
        answer = await web.get("/readyz")
        assert answer.status_code == status
        assert answer.json()["parts"] == parts


async def test_nothing_else_is_there() -> None:
    async with client({"upstream": True}) as web:
        assert (await web.get("/")).status_code == 404
        assert (await web.post("/metrics")).status_code == 405
        for name, value in HEADERS.items():
            assert (await web.get("/metrics")).headers[name] == value
