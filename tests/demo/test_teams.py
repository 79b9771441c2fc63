"""The stand-in for Teams: it takes what a flow takes, and shows it."""

from __future__ import annotations

import httpx2
import pytest

from pgmaskproxy.channels.card import message
from pgmaskproxy.channels.channel import Sent
from pgmaskproxy.channels.teams import Teams
from pgmaskproxy.demo.teams import LONGEST, TeamsRoom
from tests.channels.test_card import note


def test_what_it_answers() -> None:
    with TeamsRoom() as room:
        for url, body, status in (
            (room.flow, message(note()), 202),
            (room.flow, b"{", 400),
            (room.flow, b"[]", 400),
            (room.flow, b'{"attachments": [{}]}', 400),
            (room.flow, b"x" * (LONGEST + 1), 413),
            (room.url + "elsewhere", message(note()), 404),
        ):
            assert httpx2.post(url, content=body).status_code == status
        assert len(room.cards) == 1
        assert room.wait_for("DELETE FROM customers", 5) == room.cards[0]
        assert room.wait_for("nothing of the kind", 0.01) is None


def test_the_page_shows_the_newest_first_and_runs_nothing() -> None:
    with TeamsRoom() as room:
        assert "No card yet" in httpx2.get(room.url).text
        httpx2.post(room.flow, content=message(note()))
        httpx2.post(room.flow, content=message(note("approval.expired")))
        answer = httpx2.get(room.url)
        assert answer.text.index("Expired") < answer.text.index("A statement waits for approval")
        assert "script" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert httpx2.get(room.url + "style.css").headers["content-type"] == "text/css; charset=utf-8"
        assert httpx2.get(room.url + "x").status_code == 404
        assert room.flow not in answer.text, "whoever sees the page cannot post"


async def test_a_channel_of_kind_teams_can_post_to_it() -> None:
    with TeamsRoom() as room:
        channel = Teams("room", room.flow)
        assert (await channel.send(note())).sent is Sent.ACCEPTED
        await channel.close()
        assert room.wait_for("DELETE", 5) is not None
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(room.url)
