"""The webhook: signed so that any Standard Webhooks library accepts it, and never with a value."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket

import pytest

from pgmaskproxy.approval.notification import Notification, notification_data
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.webhook import Webhook, decode_secret, payload, signature
from pgmaskproxy.errors import ConfigError
from tests.approval.making import CANARY, NOW, make_request
from tests.channels.receiver import Receiver

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 64).decode()
NOTE = Notification(
    "evt_1", "approval.requested", NOW, NOW + 900, notification_data(make_request(), "https://a.example/x")
)


def webhook(url: str, *secrets: str, seconds: float = 5.0) -> Webhook:
    return Webhook("hook", url, secrets or (SECRET,), lambda: NOW + 0.9, headers={"x-team": "dba"}, seconds=seconds)


async def send(hook: Webhook) -> Receipt:
    try:
        return await hook.send(NOTE)
    finally:
        await hook.close()


def test_the_specifications_own_example() -> None:
    """The test vector of the Standard Webhooks reference libraries."""
    key = decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_what_is_sent() -> None:
    with Receiver() as receiver:
        assert await send(webhook(receiver.url, SECRET, OTHER)) == Receipt(Sent.DELIVERED, "HTTP 200")
    (got,) = receiver.got
    assert got.path == "/hook?x=1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "evt_1"
    assert got.headers["webhook-timestamp"] == str(int(NOW))
    assert got.headers["x-team"] == "dba"
    signed = f"evt_1.{int(NOW)}.".encode() + got.body
    expected = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in (b"k" * 24, b"o" * 64)
    ]
    assert got.headers["webhook-signature"].split(" ") == expected
    body = json.loads(got.body)
    assert (body["type"], body["timestamp"]) == ("approval.requested", "2027-01-15T08:00:00.000Z")
    assert body["data"]["id"] == make_request().id
    assert got.body == payload(NOTE)
    assert CANARY.encode() not in got.body


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (204, Receipt(Sent.DELIVERED, "HTTP 204")),
        (302, Receipt(Sent.REFUSED, "HTTP 302")),
        (400, Receipt(Sent.REFUSED, "HTTP 400")),
        (410, Receipt(Sent.REFUSED, "HTTP 410")),
        (408, Receipt(Sent.RETRY, "HTTP 408")),
        (500, Receipt(Sent.RETRY, "HTTP 500")),
        ((429, "30"), Receipt(Sent.RETRY, "HTTP 429", 30.0)),
        ((503, "999999"), Receipt(Sent.RETRY, "HTTP 503", 3600.0)),
        ((503, "Fri, 01 Jan 2027 00:00:00 GMT"), Receipt(Sent.RETRY, "HTTP 503")),
        ((503, "-1"), Receipt(Sent.RETRY, "HTTP 503")),
    ],
)
async def test_answers(answer: int | tuple[int, str], receipt: Receipt) -> None:
    with Receiver([answer]) as receiver:
        assert await send(webhook(receiver.url)) == receipt
    assert len(receiver.got) == 1


async def test_silence_and_nobody_there() -> None:
    with Receiver([0.5]) as receiver:
        assert await send(webhook(receiver.url, seconds=0.1)) == Receipt(Sent.RETRY, "ReadTimeout")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert await send(webhook(f"http://127.0.0.1:{port}/")) == Receipt(Sent.RETRY, "ConnectError")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "",
        "https://",
        "http://127.0.0.1.evil.example/",
    ],
)
def test_an_address_where_others_could_listen_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="must be https"):
        webhook(url)


async def test_addresses_that_may_be_told() -> None:
    for url in ("https://hooks.example.com/x", "http://localhost:9/", "http://[::1]:9/"):
        await webhook(url).close()


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not start with"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!", "is not base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La", "has 21 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "has 65 bytes"),
    ],
)
def test_a_bad_secret_is_named_without_being_shown(secret: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"channel hook: the secret {says}") as caught:
        webhook("https://a.example/", secret)
    assert secret.removeprefix("whsec_") not in str(caught.value)


def test_text_that_is_not_unicode_does_not_stop_the_rest() -> None:
    odd = Notification("evt_1", "approval.requested", NOW, NOW, {"card": "\ud800 é"})
    assert json.loads(payload(odd))["data"]["card"] == "\ud800 é"


def test_a_secret_is_needed() -> None:
    with pytest.raises(ConfigError, match="needs a secret"):
        Webhook("hook", "https://a.example/", (), lambda: NOW)
