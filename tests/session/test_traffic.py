"""Bytes on their way."""

from __future__ import annotations

import pytest

from pgmaskproxy.session import events, traffic


def test_they_are_events_and_commands_like_the_others() -> None:
    for name in ("ClientData", "SendClient", "SendServer", "ServerData"):
        assert getattr(events, name) is getattr(traffic, name)


@pytest.mark.parametrize("kind", [traffic.SendClient, traffic.SendServer])
def test_what_is_sent_is_compared_by_its_bytes(kind: type[traffic.SendClient]) -> None:
    assert kind(b"a") == kind(b"a")
    assert hash(kind(b"a")) == hash(kind(b"a"))
    assert kind(b"a") not in (kind(b"b"), traffic.ClientData(b"a"))
    assert traffic.SendClient(b"a") != traffic.SendServer(b"a")
