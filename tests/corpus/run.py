"""A script's statements in both twins: how each ended, and what the client was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, final

import psycopg

from tests.corpus.client import Answer, Client, Closed
from tests.corpus.world import LEAK, TWIN, World, comparable

MASKED: Final = b"***"
MISSING: Final = frozenset({"0A000", "42883", "42704"})
"""What a server says that was built without libxml, or has not the extension."""
PROTOCOLS: Final = ("simple", "text", "binary")
"""Query; Parse to Sync with text results; the same with binary ones."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a client says, one statement at a time, and how each must end."""

    name: str
    statements: Sequence[str]
    expected: Sequence[str]
    commits: bool = False
    """Each statement by itself, without a transaction that is rolled back in the end."""
    undo: Sequence[str] = ()
    """What a superuser does afterwards, where it commits."""


@dataclass
class Run:
    """One script in one database."""

    outcomes: list[str] = field(default_factory=list)
    received: bytes = b""
    """What is compared with the twin's."""
    leaked: list[str] = field(default_factory=list)


def outcome(answer: Answer) -> str:
    """As in the verdicts: `allowed`, `masked`, `refused` (by the proxy), `error` (the server's; `absent` for what the
    server has not got), `held` or `approved`."""
    if answer.held:
        return "approved" if answer.error is None else "held"
    if answer.error is not None and answer.error.refusal:
        return "refused"
    if answer.error is not None:
        return "absent" if answer.error.sqlstate in MISSING else "error"
    return "masked" if shows_masks(answer) else "allowed"


def shows_masks(answer: Answer) -> bool:
    """Whether a cell shows the mask's text, or NULL, which is what stands where no text fits."""
    return MASKED in answer.copied or any(cell in (MASKED, None) for row in answer.rows for cell in row)


def say(client: Client, sql: str, protocol: str) -> Answer:
    """One statement by one of PROTOCOLS."""
    if protocol == "simple":
        return client.simple(sql)
    return client.extended(sql, binary=protocol == "binary")


@final
class Runner:
    """Runs scripts by one protocol. A script of one statement shares a session with others of its kind."""

    def __init__(self, world: World, protocol: str) -> None:
        self._world = world
        self._protocol = protocol
        self._shared: dict[str, Client] = {}

    def problems(self, script: Script) -> list[str]:
        """What is wrong with it: something leaked, the twins differ, or it ended otherwise than it must."""
        runs = {name: self.run(script, name) for name in (LEAK, TWIN)}
        here, there = runs[LEAK], runs[TWIN]
        found = [f"{name}: shown is {what}" for name, run in runs.items() for what in run.leaked]
        if not _as_expected(here.outcomes, script.expected, self._world.major):
            found.append(f"ended {here.outcomes} instead of {list(script.expected)}")
        if here.received != there.received:
            found.append(f"the twins differ: {difference(here.received, there.received)}")
        return [f"{script.name} ({self._protocol}): {what}" for what in found]

    def run(self, script: Script, database: str) -> Run:
        """In a transaction that is rolled back (and begun again after an error), unless it commits."""
        found = Run()
        with self._session(script, database) as client:
            begins = len(client.received)
            try:
                self._say_all(client, script, database, found)
            except Closed:
                found.outcomes.append("closed")
            data = bytes(client.received[begins:])
            found.received = comparable(data)
            found.leaked = self._world.secrets[database].found(data, "\n".join(script.statements))
        for statement in script.undo if script.commits else ():
            with psycopg.connect(self._world.server.conninfo(database), autocommit=True) as connection:
                connection.execute(statement.encode())
        return found

    def close(self) -> None:
        """End the shared sessions."""
        for client in self._shared.values():
            client.close()
        self._shared.clear()

    def _say_all(self, client: Client, script: Script, database: str, found: Run) -> None:
        status = b"I"
        for number, sql in enumerate(script.statements):
            if status == b"I" and not script.commits:
                client.simple("BEGIN")
            expected = script.expected[number] if number < len(script.expected) else ""
            client.on_held = self._world.approve if expected == "approved" else _cancel
            # One row names its database, which is the twin's own here.
            answer = say(client, sql.replace(f"{LEAK}.", f"{database}."), self._protocol)
            found.outcomes.append(outcome(answer))
            status = answer.status
            if status == b"E":
                status = client.simple("ROLLBACK").status
        if status != b"I":
            client.simple("ROLLBACK")

    @contextmanager
    def _session(self, script: Script, database: str) -> Iterator[Client]:
        if len(script.statements) > 1 or script.commits:
            with self._world.client(database) as client:
                yield client
            return
        shared = self._shared.pop(database, None) or self._world.client(database)
        try:
            yield shared
        except BaseException:
            shared.close()
            raise
        if shared.closed:
            shared.close()
        else:
            self._shared[database] = shared


def _as_expected(found: Sequence[str], expected: Sequence[str], major: int) -> bool:
    if len(found) != len(expected):
        return False
    return all(_agree(a, b, major) for a, b in zip(found, expected, strict=True))


def _agree(found: str, expected: str, major: int) -> bool:
    if found == "absent":  # the wheel's 18 has neither libxml nor most extensions
        return major != 15 or expected == "error"
    return found == expected


def _cancel(client: Client, _request: str) -> None:
    client.cancel()


def difference(here: bytes, there: bytes) -> str:
    """Where two differ, with what is around it."""
    start = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    around = slice(max(start - 60, 0), start + 200)
    return f"{here[around]!r} and {there[around]!r}"
