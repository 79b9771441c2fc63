"""The table of drivers and tasks: cells as tests leave them behind, and how they are written down.

A test says which cells it is the proof of by `record_property("cell", Cell(...).said())`, as often as it has cells; its
outcome is theirs. A task that a driver cannot do is a cell with a reason, and no test fails for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tests.drivers.tasks import MEANING, TASKS

PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
BEGIN: Final = "<!-- drivers:begin -->"
END: Final = "<!-- drivers:end -->"


@dataclass(frozen=True, slots=True)
class Cell:
    """One driver, one task, one server."""

    driver: str
    version: str
    task: str
    """One of TASKS, or in words what a program does."""
    server: str
    """As `18` or `15`."""
    lacks: str = ""
    """Why the driver cannot do it; '' where it can."""

    def said(self) -> str:
        """As a test's property."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell."""

    cell: Cell
    outcome: str
    """passed, failed or skipped."""

    @classmethod
    def read(cls, line: str) -> Outcome:
        """A line of the file that the tests leave behind."""
        found = json.loads(line)
        return cls(Cell(**found["cell"]), found["outcome"])


def worst(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """One for each cell: a cell that several tests are about has passed when all of them have."""
    found: dict[Cell, Outcome] = {}
    for each in outcomes:
        known = found.get(each.cell)
        if known is None or known.outcome == PASSED:
            found[each.cell] = each
    return list(found.values())


def rendered(outcomes: Iterable[Outcome]) -> str:
    """Markdown: drivers by task, and what programs do; `15 18` where it passed on both servers; reasons below."""
    known = worst(outcomes)
    reasons: list[str] = []
    passed = sum(each.outcome == PASSED and not each.cell.lacks for each in known)
    failed = sum(each.outcome == FAILED and not each.cell.lacks for each in known)
    lines = [
        f"{passed} cells passed, {failed} failed. A number in a cell is the version of the server (15: Debian's, 18:",
        "embedded) on which the task passed: the same through the proxy as directly but for the masks, no raw value in",
        "any byte that the driver was sent. A number in brackets says below why there is nothing to try.",
        "",
        *_tasks([each for each in known if each.cell.task in TASKS], reasons),
        "",
        *(f"- `{task}`: {MEANING[task]}" for task in TASKS),
        "",
        *_programs([each for each in known if each.cell.task not in TASKS], reasons),
        "",
        *(f"({number}) {reason}  " for number, reason in enumerate(reasons, 1)),
    ]
    return "\n".join(lines)


def _tasks(known: Sequence[Outcome], reasons: list[str]) -> list[str]:
    """A row for each driver; its version on each server is the same, but for psql's."""
    lines = ["| driver | version | " + " | ".join(f"`{task}`" for task in TASKS) + " |"]
    lines.append("|---" * (len(TASKS) + 2) + "|")
    for driver, version in dict.fromkeys((each.cell.driver, each.cell.version) for each in known):
        mine = [each for each in known if (each.cell.driver, each.cell.version) == (driver, version)]
        cells = [_shown([each for each in mine if each.cell.task == task], reasons) for task in TASKS]
        lines.append(f"| {driver} | {version} | {' | '.join(cells)} |")
    return lines


def _programs(known: Sequence[Outcome], reasons: list[str]) -> list[str]:
    lines = ["| program | what | servers |", "|---|---|---|"]
    for program, does in dict.fromkeys((each.cell.driver, each.cell.task) for each in known):
        mine = [each for each in known if (each.cell.driver, each.cell.task) == (program, does)]
        lines.append(f"| {program} | {does} | {_shown(mine, reasons)} |")
    return lines


def _shown(found: Sequence[Outcome], reasons: list[str]) -> str:
    words = []
    for each in sorted(found, key=lambda one: one.cell.server):
        if each.cell.lacks:
            if each.cell.lacks not in reasons:
                reasons.append(each.cell.lacks)
            words.append(f"({reasons.index(each.cell.lacks) + 1})")
        else:
            words.append(each.cell.server if each.outcome == PASSED else f"**{each.cell.server} {each.outcome}**")
    return " ".join(dict.fromkeys(words))


def placed(document: str, block: str) -> str:
    """`document` with `block` between the markers, which must be there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "the first marker is missing"
    assert end, "the last marker is missing"
    return f"{before}{BEGIN}\n{block}\n{END}{after}"
