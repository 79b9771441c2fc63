"""Ordinary work: one file, one session, each statement through the proxy and past it, and what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.corpus import shopping
from tests.corpus.client import Answer, Client
from tests.corpus.run import outcome, say
from tests.corpus.world import World

FILES: Final = sorted((Path(__file__).parent / "benign").glob("*.yaml"))


@dataclass(frozen=True, slots=True)
class Case:
    """A statement of a file, and how it must end."""

    sql: str
    expected: str = "allowed"
    """`allowed`, `held`, `refused` or `error` (the server's own, as directly)."""
    masked: tuple[int, ...] = ()
    """Outputs that are masked, from 1."""
    labelled: bool = False
    """Whether it touches a labelled column: only then may it be masked, held for it or refused."""
    varies: bool = False
    """Its rows differ from session to session: only columns are compared."""
    since: int = 0
    """The first major version that knows it."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it must be."""

    case: Case
    what: str
    needless: bool
    """It was refused, or held, and touches no labelled column."""


def cases(path: Path) -> list[Case]:
    """The file's statements; what it says of itself in `from` is for people."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [_case(item) for item in found]


def _case(item: Mapping[str, Any]) -> Case:
    known = {name: value for name, value in item.items() if name != "from"}
    known["masked"] = tuple(known.get("masked", ()))
    return Case(**known)


def concerns(path: Path, major: int) -> bool:
    """psql15.yaml is what psql 15 sends to a 15."""
    return not path.stem[-1].isdigit() or path.stem.endswith(str(major))


def differences(world: World, path: Path, protocol: str) -> list[Difference]:
    """The whole file in one session through the proxy, then in one past it: two at once would wait for each other."""
    known = shopping.oids(world.server)
    some = [(case, shopping.filled(case.sql, known)) for case in cases(path) if world.major >= case.since]
    with world.client(shopping.SHOPPING) as client:
        seen = [_say(client, sql, protocol) for _, sql in some]
    with world.direct(shopping.SHOPPING) as direct:
        return [
            difference
            for (case, sql), answer in zip(some, seen, strict=True)
            for difference in _compared(case, sql, answer, direct, protocol)
        ]


def _say(client: Client, sql: str, protocol: str) -> Answer:
    """An error ends the transaction: what follows is tried in another one."""
    answer = say(client, sql, protocol)
    if answer.status == b"E":
        client.simple("ROLLBACK")
        client.simple("BEGIN")
    return answer


def _compared(case: Case, sql: str, seen: Answer, direct: Client, protocol: str) -> list[Difference]:
    """What came through the proxy, with what comes past it, unless it was stopped."""
    ended = outcome(seen)
    stopped = ended in {"held", "refused"} and case.expected != "error"
    wanted = "masked" if case.masked else case.expected
    if stopped and ended == wanted:
        return []
    if stopped:
        return [Difference(case, f"{ended} instead of {wanted}: {seen.error}", not case.labelled)]
    truth = _say(direct, sql, protocol)
    if wanted in {"held", "refused"}:
        return [Difference(case, f"{ended} instead of {wanted}", needless=False)]
    return [Difference(case, what, needless=False) for what in _differing(case, seen, truth)]


def _differing(case: Case, seen: Answer, truth: Answer) -> list[str]:
    if (seen.error is None) != (truth.error is None):
        return [f"{seen.error} instead of {truth.error}"]
    if seen.error is not None and truth.error is not None:
        return [] if seen.error.sqlstate == truth.error.sqlstate else [f"{seen.error} instead of {truth.error}"]
    found = []
    if _shape(seen) != _shape(truth):
        found.append(f"columns {_shape(seen)} instead of {_shape(truth)}")
    if case.varies:
        return found
    if seen.tags != truth.tags:
        found.append(f"{seen.tags} instead of {truth.tags}")
    if _clear(case, seen) != _clear(case, truth):
        found.append(f"rows {_first(case, seen, truth)}")
    shown = {
        ordinal
        for ordinal in case.masked
        for here, there in zip(seen.rows, truth.rows, strict=False)
        if there[ordinal - 1] is not None and here[ordinal - 1] == there[ordinal - 1]
    }
    return [*found, *(f"output {ordinal} is shown" for ordinal in sorted(shown))]


def _shape(answer: Answer) -> Sequence[tuple[str, int]]:
    return [(column.name, column.type) for column in answer.columns or ()]


def _clear(case: Case, answer: Answer) -> list[str]:
    """The rows without their masked cells, in any order, and what was copied."""
    rows = [tuple(c for n, c in enumerate(row, 1) if n not in case.masked) for row in answer.rows]
    return sorted(map(repr, rows)) + ([] if case.masked else [repr(answer.copied)])


def _first(case: Case, seen: Answer, truth: Answer) -> str:
    here, there = _clear(case, seen), _clear(case, truth)
    pair = next(((a, b) for a, b in zip(here, there, strict=False) if a != b), ("", ""))
    return f"{len(here)} and {len(there)}: {pair[0][:200]} instead of {pair[1][:200]}"
