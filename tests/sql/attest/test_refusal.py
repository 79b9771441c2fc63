"""The one error: what a client is told."""

from __future__ import annotations

from pgmaskproxy.errors import ProxyError
from pgmaskproxy.sql.attest.refusal import Unattestable


def test_it_is_not_supported_unless_told_otherwise() -> None:
    assert issubclass(Unattestable, ProxyError)
    assert Unattestable("x").sqlstate == "0A000"
    assert Unattestable("x", sqlstate="54001").sqlstate == "54001"
