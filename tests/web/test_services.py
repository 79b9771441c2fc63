"""What the application is given, and that a reload of people is seen by the next request."""

from __future__ import annotations

from dataclasses import replace

import httpx2

from pgmaskproxy.policy.principals import Directory
from pgmaskproxy.web.app import create_app
from tests.web.stage import BOB, PEOPLE, Stage, hashed


async def test_the_directory_is_asked_every_time(stage: Stage) -> None:
    current = [Directory(PEOPLE, {})]
    services = replace(stage.services, directory=lambda: current[0])
    transport = httpx2.ASGITransport(create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://web.test") as web:
        assert (await web.get("/api/v1/whoami", headers=BOB)).json()["groups"] == ["dba", "privacy"]
        current[0] = Directory({"bob": replace(PEOPLE["bob"], groups=frozenset({"sales"}))}, {})
        assert (await web.get("/api/v1/whoami", headers=BOB)).json()["groups"] == ["sales"]
        current[0] = Directory({"bob": replace(PEOPLE["bob"], password_hash=hashed("another"))}, {})
        assert (await web.get("/api/v1/whoami", headers=BOB)).status_code == 401


async def test_record_writes_to_the_log(stage: Stage) -> None:
    from pgmaskproxy.audit.events import token_revoked

    before = stage.audit.head.seq
    await stage.services.record(token_revoked("bob", "tok_1"), durable=True)
    assert stage.audit.head.seq == before + 1
