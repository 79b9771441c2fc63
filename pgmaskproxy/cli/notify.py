"""`pgmaskproxy notify`: the channels over which people are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import config_option, emit, format_option, option, table

if TYPE_CHECKING:
    from pgmaskproxy.channels.channel import Channel, Receipt


@click.group("notify")
def notify() -> None:
    """The channels over which people are told of statements that wait."""


@notify.command("test")
@click.argument("names", metavar="[CHANNEL]...", nargs=-1)
@config_option
@option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting over the file's; may be repeated.")
@format_option
@click.pass_context
def test(
    context: click.Context, *, names: tuple[str, ...], config_path: Path | None, settings: tuple[str, ...], style: str
) -> None:
    """Post something harmless to the channels of the configuration, all or those named, once each.

    A flow of Teams that took the card (accepted) may still fail to post it: look whether it has arrived.

    \b
    pgmaskproxy notify test
    pgmaskproxy notify test dba-room --format json

    Exit code 0: all took it; 1: one refused it or is gone; 75: one did not answer, or wants it later; 2: there is no
    such channel; 78: the configuration is wrong, or has no channels.
    """
    from pgmaskproxy.cli.notify_checks import configured_channel  # noqa: PLC0415 - loads the HTTP client
    from pgmaskproxy.cli.settings import configured  # noqa: PLC0415

    known = configured(config_path, settings).channels
    if not known:
        raise Failure(Exit.CONFIG, "the configuration has no channels", next_step="see docs/teams.md")
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise Failure(Exit.USAGE, f"there is no channel {unknown[0]}", next_step=f"one of {', '.join(sorted(known))}")
    channels = [configured_channel(name, known[name]) for name in dict.fromkeys(names or sorted(known))]
    receipts = asyncio.run(_greet(channels))
    rows = [
        (channel.name, receipt.sent.value, receipt.detail) for channel, receipt in zip(channels, receipts, strict=True)
    ]
    data = [{"channel": name, "outcome": outcome, "detail": detail} for name, outcome, detail in rows]
    emit(style, data, table(("CHANNEL", "OUTCOME", "DETAIL"), rows))
    context.exit(_code(receipts))


async def _greet(channels: Sequence[Channel]) -> list[Receipt]:
    try:
        return list(await asyncio.gather(*(channel.greet(socket.gethostname()) for channel in channels)))
    finally:
        for channel in channels:
            await channel.close()


def _code(receipts: Sequence[Receipt]) -> Exit:
    outcomes = {receipt.sent.value for receipt in receipts}
    if outcomes & {"gone", "refused", "expired"}:
        return Exit.NEGATIVE
    return Exit.TEMPORARY if "retry" in outcomes else Exit.OK
