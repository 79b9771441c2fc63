"""What `check` says of channels: whether each could be made, and how its last notification fared."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pgmaskproxy.channels.channel import Channel, Sent
from pgmaskproxy.channels.making import make_channel
from pgmaskproxy.cli.role_checks import Said
from pgmaskproxy.config import Channel as Settings
from pgmaskproxy.config import Config
from pgmaskproxy.errors import ConfigError

_LAST: Final = """
SELECT channel, outcome, detail, address, at FROM outbox
WHERE id IN (SELECT max(id) FROM outbox WHERE outcome <> '' GROUP BY channel)
"""
TRY: Final = "`pgmaskproxy notify test` posts something harmless there"


@dataclass(frozen=True, slots=True)
class Last:
    """How a channel's last notification fared."""

    outcome: str
    detail: str
    address: str
    at: float


def configured_channel(name: str, settings: Settings) -> Channel:
    """The channel that `serve` would make of its settings. Raises ConfigError."""
    secret = settings.secret.get_secret_value() if settings.secret is not None else ""
    return make_channel(settings.kind, name, settings.url.get_secret_value(), secret, groups=settings.groups)


def notify_findings(config: Config) -> Iterator[Said]:
    """One finding a channel."""
    last = last_deliveries(Path(config.state.removeprefix("sqlite:///")))
    for name, settings in sorted(config.channels.items()):
        try:
            channel = configured_channel(name, settings)
        except ConfigError as error:
            for problem in error.problems:
                yield ("error", problem.message, problem.hint)
            continue
        asyncio.run(channel.close())
        yield _fared(name, settings.kind, last.get(name), channel.address)


def last_deliveries(state: Path) -> Mapping[str, Last]:
    """By channel; nothing where there is no state, or one of an earlier version."""
    if not state.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as connection:
            return {row[0]: Last(*row[1:]) for row in connection.execute(_LAST)}
    except sqlite3.Error:
        return {}  # a damaged state is another check's finding


def _fared(name: str, kind: str, last: Last | None, address: str) -> Said:
    if last is None or last.address != address:
        return ("ok", f"{name}: {kind}, nothing sent to this address yet", TRY)
    when = f"{datetime.fromtimestamp(last.at, UTC):%Y-%m-%d %H:%M} UTC"
    said = f"{name}: {kind}, the last notification ({when}) was {last.outcome}"
    if last.outcome in {Sent.DELIVERED, Sent.ACCEPTED}:
        return ("ok", said, "")
    return ("error" if last.outcome == Sent.GONE else "warning", f"{said}: {last.detail}", TRY)
