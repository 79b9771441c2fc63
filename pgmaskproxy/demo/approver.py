"""A person at the REST interface, as `curl` would be."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, final

import httpx2

SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the interface said: the HTTP status and the JSON object."""

    status: int
    body: dict[str, Any]

    @property
    def detail(self) -> str:
        """What a problem document says to people."""
        return str(self.body.get("detail", ""))


@final
class Approver:
    """Signs in with `name` and `password` for every call."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self.name = name
        # This machine's own interface: no proxy or netrc of the environment has any business in between.
        self._http = httpx2.Client(
            base_url=url, auth=httpx2.BasicAuth(name, password), timeout=SECONDS, trust_env=False
        )

    def request(self, request_id: str) -> Answer:
        """One request, as this person sees it."""
        return self._answer(self._http.get(f"/api/v1/requests/{request_id}"))

    def approve(self, request_id: str, reason: str = "") -> Answer:
        """Says yes."""
        return self._answer(self._http.post(f"/api/v1/requests/{request_id}/approve", json={"reason": reason}))

    def reject(self, request_id: str, reason: str) -> Answer:
        """Says no, and why."""
        return self._answer(self._http.post(f"/api/v1/requests/{request_id}/reject", json={"reason": reason}))

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, response: httpx2.Response) -> Answer:
        try:
            body = response.json()
        except ValueError:
            body = {"detail": response.text}
        return Answer(response.status_code, body if isinstance(body, dict) else {"detail": str(body)})
