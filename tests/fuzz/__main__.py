"""`make fuzz`: non-interference for as long as one likes. Exits 1 where the two sides differed."""

from __future__ import annotations

import itertools
import secrets
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.fuzz import stage
from tests.fuzz.campaign import Campaign
from tests.fuzz.client import texts
from tests.fuzz.families import FAMILIES, script
from tests.harness import servers

PROGRESS_SECONDS = 20.0


@click.command()
@click.option("--seconds", default=180.0, show_default=True, help="How long.")
@click.option("--count", default=0, help="At most so many comparisons; 0 is no limit.")
@click.option("--seed", type=int, help="The first seed; the next ones follow. A fresh one by default.")
@click.option(
    "--server", type=click.Choice(["18", "15"]), default="18", show_default=True, help="PostgreSQL's version."
)
@click.option("--attestation", default="", help="upstream.attestation; its default where nothing is said.")
@click.option("--family", type=click.Choice([*FAMILIES]), help="Only one family.")
@click.option("--clear", is_flag=True, help="With a policy that labels nothing: there must be differences.")
@click.option(
    "--open", "beyond", is_flag=True, help="With what is known to tell the sides apart (tests/fuzz/stage.py)."
)
@click.option("--keep-going", is_flag=True, help="Do not stop at ten differences.")
@click.option("--show", is_flag=True, help="Only print the seeds' scripts.")
def main(
    *, seconds: float, count: int, seed: int | None, server: str, attestation: str, family: str | None,
    clear: bool, beyond: bool, keep_going: bool, show: bool,
) -> None:  # fmt: skip
    """The same random statements to two databases that differ only in their secrets."""
    first = secrets.randbelow(1 << 40) if seed is None else seed
    if show:
        for number in range(first, first + (count or 1)):
            written = script(number, family or "", beyond=beyond)
            click.echo("\n".join([f"{number} {written.family} {written.database}", *texts(written.steps)]))
        return
    click.echo(f"seed {first}, PostgreSQL {server}, attestation {attestation or 'by default'}")
    bindir = servers.DEBIAN_15 if server == "15" else None
    with tempfile.TemporaryDirectory() as directory, stage.loaded(bindir) as both:
        policy = stage.CLEAR if clear else stage.MASKED
        with stage.pair(both, Path(directory), attestation, policy) as pair:
            campaign = Campaign(pair)
            began = shown = time.monotonic()
            for number in itertools.count(first):
                for found in campaign.run([number], family or "", beyond=beyond):
                    click.echo(f"\n{found}\n")
                now = time.monotonic()
                if now - shown > PROGRESS_SECONDS:
                    shown = now
                    click.echo(
                        f"{now - began:.0f} s: {campaign.compared} comparisons, {len(campaign.differences)} differences"
                    )
                if (
                    now - began > seconds
                    or campaign.compared == count
                    or (len(campaign.differences) > 9 and not keep_going)
                ):
                    break
            click.echo(campaign.report())
    sys.exit(1 if campaign.differences else 0)


if __name__ == "__main__":
    main()
