"""`make guards`: the whole list, or some of it. Exits 1 where a guard could be switched off unnoticed."""

from __future__ import annotations

import sys
import time
from fnmatch import fnmatchcase

import click

from tests.guards.listing import load, problems
from tests.guards.running import Result, Verdict, switch_off, untouched


@click.command()
@click.option("--only", multiple=True, help="Ids, * for any characters; all where nothing is said.")
@click.option("--jobs", default=2, show_default=True, help="How many run at a time.")
@click.option("--list", "show", is_flag=True, help="Only print them.")
def main(*, only: tuple[str, ...], jobs: int, show: bool) -> None:
    """Switch each guard off in turn and see whether a test fails."""
    guards = [each for each in load() if not only or any(fnmatchcase(each.id, pattern) for pattern in only)]
    if show:
        for guard in guards:
            click.echo(f"{guard.id:40} {guard.file:32} {guard.guards}")
        return
    wrong = problems(guards)
    if wrong or not guards:
        click.echo("\n".join(wrong or ["no guard has such an id"]))
        sys.exit(1)
    began = time.monotonic()
    code, said = untouched(guards)
    if code != 0:
        click.echo(f"{said}\nThese tests must pass while every guard is on.")
        sys.exit(1)
    click.echo(f"{len(guards)} guards; with all of them on their tests pass ({time.monotonic() - began:.0f} s)")
    shown: list[Result] = []

    def tell(result: Result) -> None:
        shown.append(result)
        click.echo(f"{len(shown):4}/{len(guards)} {result.verdict.value:8} {result.guard.id}")
        if result.verdict is not Verdict.KILLED:
            click.echo(result.said[-2000:])

    results = switch_off(guards, jobs, tell)
    left = [result for result in results if result.verdict is not Verdict.KILLED]
    for result in left:
        click.echo(f"{result.verdict.value}: {result.guard.id} ({result.guard.file}): {result.guard.guards}")
    click.echo(f"{len(results) - len(left)} of {len(results)} killed in {time.monotonic() - began:.0f} s")
    sys.exit(1 if left else 0)


main()
