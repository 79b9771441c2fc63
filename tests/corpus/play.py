"""Attacks in several steps and sessions, as files: each is played in both twins, and the twins must be told the same.

A script is `name`, `why`, `steps`. `setup` is what a superuser prepares in the template of both twins, before there is
a proxy, and `undo` what one restores after each time. A step is one of

    {a: SQL, ends: masked}              session `a` (opened at its first step) says it by the protocol being played
    {a: SQL, via: simple, ends: ...}    the same by one protocol only; `parameters: [...]` are text, by Parse and Bind
    {a: [[parse, s, SQL], [bind, p, s, ["1"]], [execute, p], [sync]], ends: masked}    frames, one after the other
    {a: SQL, until: refused}            again and again until it ends so: the proxy has noticed what others did
    {login: a, with: {options: -c x=y}, ends: refused}      opens it with start-up parameters
    {admin: SQL}                        a superuser, past the proxy
    {a: SQL, ends: approved, while_held: [steps]}   what others do before a person says yes

`ends` is a word of `run.outcome`, or `kept` (refused or held), or `any`. `never` are texts that no answer may have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import psycopg
import yaml

from pgmaskproxy.wire.frontend import Bind, Close, Describe, Execute, Flush, FunctionCall, Parse, Query, Sync
from pgmaskproxy.wire.message import Message
from tests.corpus.client import SECONDS, Answer, Client, Closed
from tests.corpus.run import PROTOCOLS, difference, outcome, say
from tests.corpus.world import LEAK, TWIN, World, comparable

FILES: Final = sorted((Path(__file__).parent / "scripts").glob("*.yaml"))
_WORDS: Final = frozenset({"ends", "via", "parameters", "never", "while_held", "decide", "with", "until"})
_KEPT: Final = frozenset({"refused", "held"})


@dataclass(frozen=True, slots=True)
class Play:
    """One script."""

    name: str
    steps: Sequence[Mapping[str, Any]]
    why: str = ""
    setup: Sequence[str] = ()
    undo: Sequence[str] = ()
    alike: bool = True
    """False where the twins may be told different things: `why` says why. Nothing is shown all the same."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """All, if there is a statement that can be said by any."""
        free = any(isinstance(value, str) and "via" not in step for step in self.steps for value in step.values())
        return PROTOCOLS if free else ("simple",)


def plays(path: Path) -> list[Play]:
    """A file's scripts."""
    return [Play(**item) for item in yaml.safe_load(path.read_text(encoding="utf-8"))]


def setups() -> list[str]:
    """What all of them need to be there."""
    return [text for path in FILES for play in plays(path) for text in play.setup]


def problems(world: World, play: Play, protocol: str) -> list[str]:
    """What is wrong: something leaked, the twins differ, or a step ended otherwise."""
    seen = {}
    found = []
    for database in (LEAK, TWIN):
        with _Stage(world, database, protocol) as stage:
            stage.play(play)
            seen[database] = stage.received()
            found += [f"{database}: {what}" for what in [*stage.wrong, *stage.leaked(play)]]
    for session, here in seen[LEAK].items():
        there = seen[TWIN].get(session, b"")
        if here != there and play.alike:
            found.append(f"the twins differ in session {session}: {difference(here, there)}")
    return [f"{play.name} ({protocol}): {what}" for what in found]


@final
@dataclass
class _Stage:
    """One script in one database."""

    world: World
    database: str
    protocol: str
    sessions: dict[str, Client] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> _Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.sessions.values():
            client.close()

    def play(self, play: Play) -> None:
        try:
            for number, step in enumerate(play.steps, 1):
                self._step(f"step {number}", step)
        finally:
            self.__exit__()
            for text in play.undo:
                self._admin(text)

    def received(self) -> dict[str, bytes]:
        return {name: comparable(bytes(c.received[c.login_ends :])) for name, c in self.sessions.items()}

    def leaked(self, play: Play) -> list[str]:
        said = yaml.safe_dump([dict(step) for step in play.steps], allow_unicode=True, width=10**6)
        secrets = self.world.secrets[self.database]
        return [
            f"session {name} is shown {what}"
            for name, client in self.sessions.items()
            for what in secrets.found(bytes(client.received), said)
        ]

    def _admin(self, text: str) -> None:
        with psycopg.connect(self.world.server.conninfo(self.database), autocommit=True) as connection:
            connection.execute("SET lock_timeout = '10s'")
            connection.execute(text.encode())

    def _step(self, place: str, step: Mapping[str, Any]) -> None:
        name = next(key for key in step if key not in _WORDS)
        if name == "admin":
            self._admin(step["admin"])
            return
        login = name == "login"
        ended = self._login(step["login"], step.get("with", {})) if login else self._say(place, name, step)
        until = time.monotonic() + SECONDS
        while "until" in step and ended != step["until"] and time.monotonic() < until:
            time.sleep(0.1)
            ended = self._say(place, name, step)
        wanted = step.get("until", step.get("ends", "allowed"))
        fits = wanted in {ended, "any"} or (wanted == "kept" and ended in _KEPT)
        if not fits and not (ended == "absent" and (wanted == "error" or self.world.major != 15)):
            self.wrong.append(f"{place} ended {ended} instead of {wanted}: {step[name]}")

    def _login(self, name: str, parameters: Mapping[str, str]) -> str:
        try:
            self.sessions[name] = self.world.client(self.database, tuple(parameters.items()))
        except Closed:
            return "refused"
        return "allowed"

    def _say(self, place: str, name: str, step: Mapping[str, Any]) -> str:
        if name not in self.sessions and self._login(name, {}) == "refused":
            return "closed"
        client, begins = self.sessions[name], len(self.sessions[name].received)
        client.on_held = lambda held, request: self._held(place, step, held, request)
        try:
            answer = self._answer(client, step[name], step)
        except Closed:
            return "closed"
        told = bytes(client.received[begins:])
        self.wrong += [f"{place} shows {text!r}" for text in step.get("never", ()) if text.encode() in told]
        ended = outcome(answer)
        stopped = {"refused", "error"}
        if ended in stopped and step.get("ends", step.get("until")) not in {*stopped, "kept", "any"}:
            self.wrong.append(f"{place}: {answer.error}")
        return ended

    def _answer(self, client: Client, said: str | list[list[Any]], step: Mapping[str, Any]) -> Answer:
        if isinstance(said, list):
            client.send(*(_message(frame, self.database) for frame in said))
            return client.answer()
        sql = said.replace(f"{LEAK}.", f"{self.database}.")
        protocol = step.get("via", self.protocol)
        if "parameters" in step:
            return client.extended(sql, step["parameters"], binary=protocol == "binary")
        return say(client, sql, protocol)

    def _held(self, place: str, step: Mapping[str, Any], client: Client, request: str) -> None:
        for number, meanwhile in enumerate(step.get("while_held", ()), 1):
            self._step(f"{place}.{number}", meanwhile)
        if step.get("decide", "approve" if step.get("ends") == "approved" else "cancel") == "approve":
            self.world.approve(client, request)
        else:
            client.cancel()


def _message(frame: Sequence[Any], database: str) -> Message:
    """One frame in words."""
    kind, *rest = frame
    match kind, rest:
        case "query", [sql]:
            return Query(sql.replace(f"{LEAK}.", f"{database}.").encode())
        case "parse", [name, sql, *types]:
            return Parse(name.encode(), sql.encode(), tuple(types[0]) if types else ())
        case "bind", [portal, name, *more]:
            values = tuple(None if value is None else str(value).encode() for value in (more[0] if more else ()))
            formats = tuple(more[1]) if len(more) > 1 else ()
            return Bind(portal.encode(), name.encode(), (), values, formats)
        case "describe", [what, name]:
            return Describe(what.encode(), name.encode())
        case "execute", [portal, *most]:
            return Execute(portal.encode(), most[0] if most else 0)
        case "close", [what, name]:
            return Close(what.encode(), name.encode())
        case "call", [oid, *values]:
            return FunctionCall(oid, (), tuple(value.encode() for value in values), 0)
        case "sync", []:
            return Sync()
        case "flush", []:
            return Flush()
    raise AssertionError(f"no such frame: {frame}")
