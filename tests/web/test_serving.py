"""Both servers of one set of services: people's and machines'."""

from __future__ import annotations

from typing import Any, cast

import httpx2

from pgmaskproxy.web.serving import make_servers
from tests.web.stage import Stage


async def _page(accept: str) -> tuple[bytes, str]:
    return f"for {accept}".encode(), "text/plain"


async def test_one_for_people_and_one_for_machines(stage: Stage) -> None:
    people, machines = make_servers(stage.services, lambda: {"all": True}, _page)
    web = httpx2.ASGITransport(app=cast("Any", people.config.app))
    async with httpx2.AsyncClient(transport=web, base_url="http://web.test") as client:
        assert (await client.get("/api/v1/whoami")).status_code == 401
    health = httpx2.ASGITransport(app=cast("Any", machines.config.app))
    async with httpx2.AsyncClient(transport=health, base_url="http://health.test") as client:
        assert (await client.get("/readyz")).json()["status"] == "ready"
        assert (await client.get("/metrics", headers={"Accept": "me"})).text == "for me"
