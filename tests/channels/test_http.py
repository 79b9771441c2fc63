"""What channels over HTTP share: where they may post, what an answer means, what may be known of an address."""

from __future__ import annotations

import pytest

from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.http import fingerprint, may_be_told, receipt_of, user_agent


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://hooks.example/x", True),
        ("http://127.0.0.1:9/x", True),
        ("http://[::1]:9/x", True),
        ("http://localhost/x", True),
        ("http://hooks.example/x", False),
        ("http://127.0.0.1.example/x", False),
        ("ftp://hooks.example/x", False),
        ("https:///x", False),
        ("http://\x00/x", False),
        ("nonsense", False),
    ],
)
def test_https_or_this_machine(url: str, may: bool) -> None:
    assert may_be_told(url) is may


def test_answers() -> None:
    assert receipt_of(204, {}) == Receipt(Sent.DELIVERED, "HTTP 204")
    assert receipt_of(503, {"retry-after": "5"}) == Receipt(Sent.RETRY, "HTTP 503", 5.0)
    assert receipt_of(404, {}) == Receipt(Sent.REFUSED, "HTTP 404")


def test_an_address_is_known_again_and_not_known() -> None:
    one = fingerprint("https://hooks.example/a?sig=secret")
    assert one == fingerprint("https://hooks.example/a?sig=secret") != fingerprint("https://hooks.example/b")
    assert len(one) == 16
    assert user_agent().startswith("pgmaskproxy/")
