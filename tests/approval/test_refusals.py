"""What the broker says no with: the class of error, and no more than may be told."""

from __future__ import annotations

from dataclasses import replace

from pgmaskproxy.approval.refusals import NoSuchRequest, NotAllowed, NotPending
from pgmaskproxy.approval.request import State
from pgmaskproxy.errors import ProxyError
from tests.approval.making import CANARY, make_request


def test_not_pending_says_how_it_ended_and_shows_no_value() -> None:
    request = replace(make_request(), state=State.EXPIRED)
    error = NotPending(request)
    assert error.sqlstate == "55000"
    assert error.request is request
    assert str(error) == f"request {request.id} is no longer pending: it is expired"
    assert CANARY not in str(error)


def test_classes() -> None:
    assert NotAllowed("no").sqlstate == "42501"
    assert NoSuchRequest("apr_1\n").sqlstate == "42704"
    assert "\n" not in str(NoSuchRequest("apr_1\n"))
    assert all(issubclass(each, ProxyError) for each in (NotAllowed, NotPending, NoSuchRequest))
