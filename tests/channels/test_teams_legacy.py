"""MessageCards by pymsteams: all their text is Markdown, so all of it is escaped."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from pgmaskproxy.approval.facts import Facts
from pgmaskproxy.approval.notification import Notification, notification_data
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.teams_legacy import EXTRA, TeamsLegacy, escaped
from pgmaskproxy.errors import ConfigError
from tests.approval.making import CANARY, NOW, make_request
from tests.channels.receiver import Receiver

LINK = "https://a.example/requests/x"


def note(**changes: Any) -> Notification:
    return Notification("evt_1", "approval.requested", NOW, NOW, notification_data(make_request(**changes), LINK))


async def send(url: str, notification: Notification) -> Receipt:
    return await TeamsLegacy("old", url, seconds=5.0).send(notification)


async def test_what_is_posted() -> None:
    with Receiver([200]) as receiver:
        facts = Facts(does=("deletes rows of [x](https://evil.example)",))
        receipt = await send(receiver.url, note(facts=facts, reason="**now** <b>"))
    assert receipt == Receipt(Sent.DELIVERED, "HTTP 200")
    body = json.loads(receiver.got[0].body)
    assert body["title"] == "A statement waits for approval"
    assert "deletes rows of \\[x\\]\\(https\\:\\/\\/evil\\.example\\)" in body["text"]
    assert "\\*\\*now\\*\\* &lt;b&gt;" in body["text"]
    assert body["potentialAction"][0]["target"] == [LINK]
    assert CANARY.encode() not in receiver.got[0].body


@pytest.mark.parametrize(
    ("answer", "sent"), [(404, Sent.GONE), (410, Sent.GONE), (400, Sent.REFUSED), (503, Sent.RETRY)]
)
async def test_answers(answer: int, sent: Sent) -> None:
    with Receiver([answer]) as receiver:
        assert (await send(receiver.url, note())).sent is sent
        url = receiver.url
    assert (await send(url, note())).sent is Sent.RETRY


async def test_a_greeting_asks_for_nothing() -> None:
    with Receiver([200]) as receiver:
        channel = TeamsLegacy("old", receiver.url)
        assert (await channel.greet("db.example")).sent is Sent.DELIVERED
        await channel.close()
    body = json.loads(receiver.got[0].body)
    assert "nothing to do" in body["text"]
    assert "potentialAction" not in body


def test_every_mark_is_escaped() -> None:
    assert escaped("a*b_c`d[e](f)") == "a\\*b\\_c\\`d\\[e\\]\\(f\\)"
    assert escaped("<i> & \u202e\nx") == "&lt;i&gt; &amp; ⟨U\\+202E⟩ x"
    assert len(escaped("x" * 1000)) == 300


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymsteams", None)
    with pytest.raises(ConfigError) as refused:
        TeamsLegacy("old", "https://hooks.example/x")
    assert refused.value.problems[0].hint == EXTRA


def test_a_retired_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="retired"):
        TeamsLegacy("old", "https://contoso.webhook.office.com/x")
