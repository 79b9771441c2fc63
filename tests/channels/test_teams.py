"""Teams: a card to a flow's address; what its answers mean, and which addresses cannot be meant."""

from __future__ import annotations

import json

import pytest

from pgmaskproxy.approval.notification import Notification, notification_data
from pgmaskproxy.channels.card import message
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.teams import Teams, address_problems, retired
from pgmaskproxy.errors import ConfigError
from tests.approval.making import CANARY, NOW, make_request
from tests.channels.receiver import Receiver

NOTE = Notification(
    "evt_1", "approval.requested", NOW, NOW + 900, notification_data(make_request(), "https://a.example/requests/x")
)


async def send(channel: Teams) -> Receipt:
    try:
        return await channel.send(NOTE)
    finally:
        await channel.close()


async def test_202_is_accepted_and_no_more() -> None:
    with Receiver([202]) as receiver:
        receipt = await send(Teams("dba", receiver.url))
    assert receipt.sent is Sent.ACCEPTED
    assert "run history" in receipt.detail
    (got,) = receiver.got
    assert got.headers["content-type"] == "application/json"
    assert got.body == message(NOTE)
    assert CANARY.encode() not in got.body


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_flow_that_is_gone_says_what_to_do(status: int) -> None:
    with Receiver([status]) as receiver:
        receipt = await send(Teams("dba", receiver.url))
    assert receipt.sent is Sent.GONE
    assert receipt.detail.startswith(f"HTTP {status}: the flow is gone or turned off")
    assert "channel's url" in receipt.detail
    assert "127.0.0.1" not in receipt.detail, "the address is a secret"


@pytest.mark.parametrize(
    ("status", "body", "sent", "detail"),
    [
        (400, b'{"error":{"code":"TriggerInputSchemaMismatch"}}', Sent.REFUSED, "HTTP 400 TriggerInputSchemaMismatch"),
        (400, b'{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"secret"}}', Sent.GONE, "HTTP 400 Workflow"),
        (400, b'{"error":{"code":"no words <b>"}}', Sent.REFUSED, "HTTP 400"),
        (413, b'{"error":"too large"}', Sent.REFUSED, "HTTP 413"),
        (400, b"[" * 100_000, Sent.REFUSED, "HTTP 400"),
        (400, b"\xff", Sent.REFUSED, "HTTP 400"),
        (302, b"", Sent.REFUSED, "HTTP 302"),
        (200, b"1", Sent.DELIVERED, "HTTP 200"),
        (500, b'{"error":{"code":"x"}}', Sent.RETRY, "HTTP 500"),
    ],
)
async def test_of_an_answer_only_its_code_is_told(status: int, body: bytes, sent: Sent, detail: str) -> None:
    with Receiver([status], body=body) as receiver:
        receipt = await send(Teams("dba", receiver.url))
    assert receipt.sent is sent
    assert receipt.detail.startswith(detail)
    assert "secret" not in receipt.detail
    assert "<" not in receipt.detail


async def test_asked_to_wait_it_waits() -> None:
    with Receiver([(429, "30")]) as receiver:
        assert await send(Teams("dba", receiver.url)) == Receipt(Sent.RETRY, "HTTP 429", 30.0)


async def test_nobody_there_is_tried_again() -> None:
    with Receiver() as receiver:
        url = receiver.url
    assert (await send(Teams("dba", url))).sent is Sent.RETRY


async def test_a_greeting_asks_for_nothing() -> None:
    with Receiver([202]) as receiver:
        channel = Teams("dba", receiver.url)
        assert (await channel.greet("db.example")).sent is Sent.ACCEPTED
        await channel.close()
    card = json.loads(receiver.got[0].body)["attachments"][0]["content"]
    assert "actions" not in card


@pytest.mark.parametrize(
    ("url", "is_retired"),
    [
        ("https://outlook.office.com/webhook/1/IncomingWebhook/2/3", True),
        ("https://OUTLOOK.office.com/webhook/1", True),
        ("https://contoso.webhook.office.com/webhookb2/1", True),
        ("https://contoso.webhook.office.com./webhookb2/1", True),
        ("https://outlook.office365.com/webhook/1", True),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig=x", False),
        ("https://default1.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/1", False),
        ("https://webhook.office.com.example/x", False),
        ("https://[", False),
    ],
)
def test_retired_connectors(url: str, is_retired: bool) -> None:
    assert retired(url) is is_retired


def test_a_retired_or_open_address_is_refused_and_not_repeated() -> None:
    for url in ("https://contoso.webhook.office.com/secret", "http://hooks.example/secret"):
        with pytest.raises(ConfigError) as refused:
            Teams("dba", url)
        (problem,) = refused.value.problems
        assert problem.message.startswith("channel dba: ")
        assert "secret" not in problem.message + problem.hint
    assert address_problems("dba", "https://prod-1.logic.azure.com/x") == []
