"""What the broker says no with."""

from __future__ import annotations

from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.errors import ProxyError


class NotAllowed(ProxyError):
    """This person may not decide this request (HTTP 403)."""

    sqlstate = "42501"


class NotPending(ProxyError):
    """The request has been decided or has ended; `request` says how (HTTP 409)."""

    sqlstate = "55000"

    def __init__(self, request: ApprovalRequest) -> None:
        super().__init__(f"request {request.id} is no longer pending: it is {request.state.value}")
        self.request = request


class NoSuchRequest(ProxyError):
    """No request has this id (HTTP 404)."""

    sqlstate = "42704"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"there is no request {request_id!r}")
        self.request_id = request_id
