"""`pgmaskproxy approvals`: what waits for you, and your decision; a client of the REST interface."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click

from pgmaskproxy.cli.asked import listed, shown
from pgmaskproxy.cli.client import DEFAULT_URL, Client, SignIn
from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import emit, format_option, option

STATES = ("pending", "approved", "released", "rejected", "expired", "withdrawn", "cancelled")
POLL_SECONDS = 0.5


def signed_in(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say where and who; the command gets `client`."""

    @option(
        "--url",
        envvar="PGMASKPROXY_URL",
        default=DEFAULT_URL,
        help="Where the REST interface is.",
    )
    @option("--person", envvar="PGMASKPROXY_PERSON", help="Who you are, with your password.")
    @option("--password-stdin", is_flag=True, help="Read the password from stdin; else PGMASKPROXY_PASSWORD or ask.")
    @option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="PGMASKPROXY_TOKEN_FILE",
        help="Read your token from a file; else PGMASKPROXY_TOKEN.",
    )
    @functools.wraps(function)
    def wrapped(
        *args: Any, url: str, person: str | None, password_stdin: bool, token_file: Path | None, **kwargs: Any
    ) -> None:
        with Client(url, SignIn.resolve(person, token_file, password_stdin)) as client:
            function(*args, client=client, **kwargs)

    return wrapped


@click.group("approvals")
def approvals() -> None:
    """See and decide what is held for a person.

    You sign in as a person, by token or password; a database login is not accepted.
    """


@approvals.command("list")
@option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only these; without: pending.")
@option("--all", "everything", is_flag=True, help="In any state.")
@option("--limit", type=click.IntRange(1, 10_000), default=50, help="At most so many.")
@signed_in
@format_option
def list_(states: tuple[str, ...], everything: bool, limit: int, style: str, client: Client) -> None:
    """List the requests that concern you, newest first."""
    found = client.requests([] if everything else list(states) or ["pending"], limit)
    emit(style, found, listed(found))


@approvals.command("show")
@click.argument("request_id")
@option("--wait", type=click.FloatRange(0), default=0.0, help="Wait so many seconds for it to end; then exit 75.")
@signed_in
@format_option
def show(request_id: str, wait: float, style: str, client: Client) -> None:
    """Show everything about one request: the exact SQL, its parameters, who asks, who must agree."""
    request = client.request(request_id)
    until = time.monotonic() + wait
    while wait and request["state"] == "pending":
        if time.monotonic() >= until:
            raise Failure(Exit.TEMPORARY, f"{request_id} is still pending", next_step="wait longer, or decide it")
        time.sleep(POLL_SECONDS)
        request = client.request(request_id)
    emit(style, request, shown(request))


@approvals.command("approve")
@click.argument("request_id")
@option("--reason", default="", help="Why; kept with your vote.")
@option("--yes", is_flag=True, help="Do not show it and ask first.")
@signed_in
@format_option
def approve(request_id: str, reason: str, yes: bool, style: str, client: Client) -> None:
    """Agree. The statement runs when everybody who must has agreed."""
    request = client.request(request_id)
    if not yes and sys.stdin.isatty():
        click.echo(shown(request), err=True)
        click.confirm("\nApprove exactly this?", abort=True, err=True)
    body = {"reason": reason, "digest": request["digest"]}
    decided = client.post(f"/api/v1/requests/{request['id']}/approve", body)
    emit(style, decided, _said(decided, "approved"))


@approvals.command("reject")
@click.argument("request_id")
@option("--reason", required=True, help="Why; the requester is told.")
@signed_in
@format_option
def reject(request_id: str, reason: str, style: str, client: Client) -> None:
    """Refuse. The client gets an error with your reason; its session goes on."""
    request = client.request(request_id)
    decided = client.post(f"/api/v1/requests/{request['id']}/reject", {"reason": reason})
    emit(style, decided, _said(decided, "rejected"))


@approvals.command("watch")
@option("--interval", type=click.FloatRange(0.1, 3600), default=1.0, help="Seconds between looks.")
@option("--timeout", type=click.FloatRange(0.1), help="Stop after so many seconds; exit 75 if nothing came.")
@signed_in
@format_option
def watch(interval: float, timeout: float | None, style: str, client: Client) -> None:
    """Follow what comes in for you, one line a request (JSON lines with --format json), until interrupted."""
    seen: set[str] = set()
    until = None if timeout is None else time.monotonic() + timeout
    with client.with_token("approvals watch") as watching:
        while until is None or time.monotonic() < until:
            for request in reversed(watching.requests(["pending"], 1000)):
                if request["id"] not in seen:
                    seen.add(request["id"])
                    click.echo(json.dumps(request, ensure_ascii=False) if style == "json" else _line(request))
            time.sleep(interval if until is None else max(0.0, min(interval, until - time.monotonic())))
    if not seen:
        raise Failure(Exit.TEMPORARY, f"nothing came within {timeout:g} seconds", next_step="watch longer")


def _line(request: dict[str, Any]) -> str:
    return listed([request]).split("\n", 1)[1]


def _said(request: dict[str, Any], what: str) -> str:
    state = request["state"]
    if what == "approved" and state == "pending":
        return f"{request['id']} approved by {request['you']['person']}; {request['missing']} more must agree"
    return f"{request['id']} {what} by {request['you']['person']}" + ("" if state == what else f"; it is {state}")
