"""`pgmaskproxy notify test`: something harmless arrives, or one is told why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.channels.receiver import Receiver
from tests.channels.test_webhook import SECRET
from tests.cli.conftest import Invoke
from tests.cli.files import write


def configure(place: Path, **urls: str) -> None:
    path = write(place)
    lines = ["channels:"]
    for name, url in urls.items():
        secret = f", secret: {SECRET}" if name == "hook" else ""
        kind = "webhook" if name == "hook" else "teams"
        lines.append(f"  {name}: {{kind: {kind}, url: '{url}', groups: [dba]{secret}}}")
    path.write_text(path.read_text() + "\n".join(lines) + "\n")


def test_it_posts_something_harmless_to_all(invoke: Invoke, tmp_path: Path) -> None:
    with Receiver([202]) as room, Receiver([204]) as hook:
        configure(tmp_path, room=room.url, hook=hook.url)
        answer = invoke("notify", "test", "--format", "json")
    assert answer.exit_code == 0
    told = {each["channel"]: each["outcome"] for each in json.loads(answer.stdout)}
    assert told == {"hook": "delivered", "room": "accepted"}
    assert b"nothing to do" in room.got[0].body
    assert json.loads(hook.got[0].body)["type"] == "notification.test"


def test_only_those_named(invoke: Invoke, tmp_path: Path) -> None:
    with Receiver([202]) as one, Receiver([202]) as two:
        configure(tmp_path, one=one.url, two=two.url)
        answer = invoke("notify", "test", "one", "one")
    assert answer.exit_code == 0
    assert (len(one.got), len(two.got)) == (1, 0)
    assert answer.stdout.startswith("CHANNEL")
    assert "accepted" in answer.stdout


@pytest.mark.parametrize(("status", "code"), [(404, 1), (400, 1), (503, 75)])
def test_what_went_wrong_is_the_exit_code(invoke: Invoke, tmp_path: Path, status: int, code: int) -> None:
    with Receiver([status]) as room, Receiver([202]) as fine:
        configure(tmp_path, room=room.url, fine=fine.url)
        answer = invoke("notify", "test")
    assert answer.exit_code == code
    assert f"HTTP {status}" in answer.stdout


def test_no_such_channel_and_none_at_all(invoke: Invoke, tmp_path: Path) -> None:
    configure(tmp_path, room="https://hooks.example/x")
    answer = invoke("notify", "test", "roon")
    assert answer.exit_code == 2
    assert "one of room" in answer.stderr
    write(tmp_path)
    assert invoke("notify", "test").exit_code == 78


def test_a_retired_address_is_a_wrong_configuration(invoke: Invoke, tmp_path: Path) -> None:
    configure(tmp_path, room="https://contoso.webhook.office.com/x")
    answer = invoke("notify", "test")
    assert answer.exit_code == 78
    assert "retired" in answer.stderr
    checked = invoke("check", "--offline")
    assert checked.exit_code == 78
    assert "retired" in checked.stdout
