"""What a browser does with a page, as far as HTTP goes: cookies, origin, forms with their hidden fields."""

from __future__ import annotations

import re
from html import unescape

import httpx2

from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.web.app import create_app
from pgmaskproxy.web.pages.site import Site
from tests.web.stage import Stage

ORIGIN = "http://web.test"
PASSWORDS = {"alice": "alice's password", "bob": "bob's password", "carol": "carol: päss", "dave": "dave's password"}


class Browser:
    """One browser at one address, before one application."""

    def __init__(self, stage: Stage, address: str = "192.0.2.1", origin: str = ORIGIN) -> None:
        app = create_app(stage.services)
        self.site: Site = app.state.site
        self.origin = origin
        transport = httpx2.ASGITransport(app, client=(address, 5))
        self.http = httpx2.AsyncClient(transport=transport, base_url=origin)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Follows no redirect."""
        return await self.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
        """Sends a form as a browser would from a page of ours; an empty header is left out."""
        sent = {"Origin": self.origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.http.post(path, data=fields, headers={name: value for name, value in sent.items() if value})

    async def submit(self, page: httpx2.Response, path: str, **typed: str) -> httpx2.Response:
        """Sends the form of `page` that goes to `path`, with its hidden fields and what was typed."""
        return await self.post(path, hidden(page, path) | typed)

    async def sign_in(self, person: str = "bob", password: str | None = None, place: str = "/") -> httpx2.Response:
        """By the sign-in page."""
        page = await self.http.get("/sign-in", params={"next": place})
        typed = {"person": person, "password": PASSWORDS[person] if password is None else password}
        return await self.submit(page, "/sign-in", **typed)

    async def open(self, request: ApprovalRequest) -> httpx2.Response:
        """The page of `request`."""
        return await self.get(f"/requests/{request.id}")

    async def decide(self, request: ApprovalRequest, word: str, reason: str = "") -> httpx2.Response:
        """Opens the page and presses the button."""
        page = await self.open(request)
        fields = hidden(page, f"/requests/{request.id}/approve") or hidden(page, f"/requests/{request.id}/reject")
        return await self.post(f"/requests/{request.id}/{word}", fields | {"reason": reason})


def hidden(page: httpx2.Response, path: str) -> dict[str, str]:
    """The hidden fields of the form on `page` that goes to `path`."""
    form = re.search(rf'<form[^>]*action="{re.escape(path)}".*?</form>', page.text, re.DOTALL)
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0]) if form else []
    return {name: unescape(value) for name, value in found}
