"""`pgmaskproxy demo`: set the stage, start the proxy, then wait for visitors or play the tour."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop
from psycopg.conninfo import make_conninfo

from pgmaskproxy import app
from pgmaskproxy.config import load_config
from pgmaskproxy.demo import stage
from pgmaskproxy.demo.narrator import Narrator
from pgmaskproxy.demo.server import HOST
from pgmaskproxy.demo.stage import AGENT, OWNER, SECOND, Passwords, Ports, Upstream
from pgmaskproxy.demo.tap import ByteTap
from pgmaskproxy.demo.teams import TeamsRoom
from pgmaskproxy.demo.tour import Scene, Tour, command_line
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.logs import configure

INTERRUPTED: Final = 130
DRAIN_SECONDS: Final = 1.0
"""For visitors who are still connected when the demo ends: nothing of it is kept, so nothing is waited for."""
TRY: Final = (
    "SELECT * FROM customers LIMIT 3;                        -- masked",
    "SELECT city, count(*) FROM customers GROUP BY city;     -- untouched",
    "SELECT name FROM customers WHERE ssn LIKE '9%';         -- refused",
    "UPDATE products SET price = price * 0.9;                -- held, until somebody approves",
)


def run(
    *,
    tour: bool,
    yes: bool,
    pg_bindir: Path | str | None,
    upstream: str | None,
    port: int,
    web_port: int,
    metrics_port: int,
) -> int:
    """Run the demo until it is over; 0 unless a step of the tour came out wrong.

    `pg_bindir` is where an installed PostgreSQL's programs are, `upstream` a superuser's conninfo to a running one;
    neither means the embedded PostgreSQL 18. Raises `Unavailable` and `ConfigError`.
    """
    if pg_bindir and upstream:
        raise ConfigError([Problem("--pg-bindir starts a server and --upstream uses one: give one of them")])
    ports = stage.usable(Ports(port, web_port, metrics_port))
    if not logging.getLogger("pgmaskproxy").isEnabledFor(logging.DEBUG):
        configure(level="error")  # what the demo says is enough, unless --verbose asked for more
    narrator = Narrator()
    source = stage.existing(upstream) if upstream else stage.embedded(Path(pg_bindir) if pg_bindir else None)
    with source as database, TeamsRoom() as room, tempfile.TemporaryDirectory(prefix="pgmaskproxy-demo-") as directory:
        narrator.say(
            f"PostgreSQL {database.version} with a small shop in it listens on {database.host}:{database.port}."
        )
        passwords = Passwords()
        path = stage.write_files(Path(directory), database, passwords, ports, room.flow)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(path, database, passwords, room, narrator, tour=tour, yes=yes))


async def _serve(
    path: Path,
    database: Upstream,
    passwords: Passwords,
    room: TeamsRoom,
    narrator: Narrator,
    *,
    tour: bool,
    yes: bool,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # Of the files only: this environment's PGHOST or PGMASKPROXY_... are about another proxy.
    config = load_config(path, {})
    async with app.running(config, drain_seconds=DRAIN_SECONDS) as running:
        port, web = running.ports.proxy, f"http://{HOST}:{running.ports.web}"
        if not tour:
            _introduce(
                narrator,
                path,
                port,
                web,
                passwords,
                teams=room.url,
                psql=database.psql,
                database=database.database,
            )
            await stop.wait()
            narrator.say("Stopping; everything the demo made is removed.")
            return 0
        with ByteTap(HOST, port) as tap:
            scene = Scene(
                agent=make_conninfo(
                    host=HOST, port=tap.port, user=AGENT, password=passwords.agent, dbname=database.database
                ),
                admin=database.admin,
                web=web,
                audit=config.audit.directory,
                passwords=passwords,
                tap=tap,
                room=room,
            )
            played = _in_a_thread(Tour(scene, narrator, automatic=yes).play)
            interrupted = asyncio.ensure_future(stop.wait())
            either: list[asyncio.Future[Any]] = [played, interrupted]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            interrupted.cancel()
            if played.done():
                return 0 if played.result() else 1
            narrator.say("Interrupted; everything the demo made is removed.")
            return INTERRUPTED


def _in_a_thread(function: Callable[[], bool]) -> asyncio.Future[bool]:
    """Run blocking code in a thread that nobody waits for when we are interrupted: a driver may block for minutes."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bool] = loop.create_future()

    def deliver(result: bool | Exception) -> None:
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    def call() -> None:
        try:
            result: bool | Exception = function()
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits gets it
            result = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: we were interrupted
            loop.call_soon_threadsafe(deliver, result)

    threading.Thread(target=call, daemon=True).start()
    return future


def _introduce(
    narrator: Narrator, path: Path, port: int, web: str, passwords: Passwords, *, teams: str, psql: str, database: str
) -> None:
    say, program = narrator.say, command_line()
    say(f"The proxy listens on {HOST}:{port}, its page and REST interface on {web}. Files: {path.parent}")
    narrator.title("Be the agent")
    say(f"  {psql} 'postgresql://{AGENT}:{passwords.agent}@{HOST}:{port}/{database}'", "bold")
    say("  The same URL works in psycopg, asyncpg, SQLAlchemy and any other driver. Try:")
    for line in TRY:
        say(f"    {line}", "cyan")
    narrator.title("Be the one who decides")
    say(f"  {SECOND} (password {passwords.second}) is a database administrator. A card tells him what waits, in Teams;")
    say(f"  a page stands in for that here: {teams}", "bold")
    say(f"  Its button leads to the page where he signs in, as {SECOND} with that password, and decides. His inbox:")
    say(f"  {web}/", "bold")
    say("  Or, in another terminal:")
    say(f"  export PGMASKPROXY_URL={web} PGMASKPROXY_PERSON={SECOND} PGMASKPROXY_PASSWORD={passwords.second}", "bold")
    say(f"  {program} approvals list", "bold")
    say(f"  {program} approvals approve apr_...      # or reject apr_... --reason '...'", "bold")
    say(f"  or: curl -u {SECOND}:{passwords.second} {web}/api/v1/requests", "bold")
    say(f"  {OWNER} (password {passwords.owner}) owns the agent: she is refused.")
    say("")
    say("Ctrl-C ends it.", "dim")
