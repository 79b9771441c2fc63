"""Ports: taken ones are named, and only who shares one may have it too."""

from __future__ import annotations

import pytest

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.ports import bind


def test_a_port_is_shared_only_among_those_who_say_so() -> None:
    with bind("127.0.0.1", 0, shared=True) as first:
        port = first.getsockname()[1]
        with bind("127.0.0.1", port, shared=True) as second:
            assert second.getsockname() == first.getsockname()
        first.listen()
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            bind("127.0.0.1", port)
    with bind("::1", 0) as third:
        assert third.getsockname()[0] == "::1"
