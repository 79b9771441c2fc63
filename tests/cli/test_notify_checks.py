"""What `check` says of channels: whether they can be made, and how the last notification fared."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.channels.outbox import Outbox
from pgmaskproxy.cli.notify_checks import configured_channel, last_deliveries, notify_findings
from pgmaskproxy.cli.role_checks import Said
from pgmaskproxy.cli.settings import configured
from pgmaskproxy.config import Config
from tests.approval.making import id_maker, make_request, open_desk
from tests.channels.receiver import Receiver
from tests.cli.files import write


def with_channels(place: Path, *lines: str) -> Config:
    path = write(place)
    path.write_text(path.read_text() + "channels:\n" + "".join(f"  {line}\n" for line in lines))
    return configured(path)


async def tell(place: Path, config: Config) -> None:
    """One request, told to every channel of the configuration, once."""
    desk = await open_desk(place)
    channels = [configured_channel(name, settings) for name, settings in config.channels.items()]
    outbox = Outbox(desk.store, channels, desk.audit, desk.clock, jitter=lambda: 0.0)
    broker = Broker(desk.store, desk.audit, channels, desk.clock, writer="w1", make_id=id_maker())
    await broker.open(make_request())
    assert await outbox.deliver_due() == len(channels)
    await outbox.close()
    await desk.close()


def found(config: Config) -> list[Said]:
    return list(notify_findings(config))


@pytest.mark.parametrize(
    ("line", "level", "words"),
    [
        ("a: {kind: teams, url: 'https://prod-1.logic.azure.com/x', groups: [dba]}", "ok", "nothing sent"),
        ("a: {kind: teams, url: 'https://c.webhook.office.com/secret', groups: [dba]}", "error", "are retired"),
        ("a: {kind: teams-legacy, url: 'https://outlook.office.com/webhook/1', groups: [dba]}", "error", "are retired"),
        ("a: {kind: teams, url: 'http://hooks.example/secret', groups: [dba]}", "error", "must be https"),
        ("a: {kind: teams, url: 'https://x.example', secret: secret, groups: [dba]}", "error", "takes no secret"),
        ("a: {kind: webhook, url: 'https://x.example', groups: [dba]}", "error", "needs a secret"),
    ],
)
def test_what_cannot_be_made(tmp_path: Path, line: str, level: str, words: str) -> None:
    ((said, message, hint),) = found(with_channels(tmp_path, line))
    assert said == level
    assert words in message
    assert hint
    assert "/secret" not in message + hint


def test_no_channel_is_no_finding(tmp_path: Path) -> None:
    assert found(configured(write(tmp_path))) == []


@pytest.mark.parametrize(
    ("answer", "level", "words"), [(202, "ok", "was accepted"), (404, "error", "gone"), (400, "warning", "refused")]
)
async def test_how_the_last_one_fared(tmp_path: Path, answer: int, level: str, words: str) -> None:
    with Receiver([answer]) as receiver:
        config = with_channels(tmp_path, f"a: {{kind: teams, url: '{receiver.url}', groups: [dba]}}")
        state = tmp_path / "state"
        state.mkdir()
        await tell(state, config)
    last = last_deliveries(state / "state.db")["a"]
    assert (last.outcome in {"accepted", "gone", "refused"}, len(last.address)) == (True, 16)
    findings = notify_findings_in_thread(config)
    assert [(said, words in message) for said, message, _ in findings] == [(level, True)]
    other = config.channels["a"].model_copy(update={"url": type(config.channels["a"].url)("https://new.example/x")})
    replaced = notify_findings_in_thread(config.model_copy(update={"channels": {"a": other}}))
    assert replaced[0][0] == "ok", "what happened to another address says nothing of this one"


def notify_findings_in_thread(config: Config) -> list[Said]:
    """`check` runs where no event loop does."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(found, config).result()


def test_a_state_that_is_none_says_nothing(tmp_path: Path) -> None:
    assert last_deliveries(tmp_path / "nowhere") == {}
    (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
    assert last_deliveries(tmp_path / "bad.db") == {}
