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
BEGIN: Final = "<!-- matrix: written by make conformance -->"
END: Final = "<!-- end of matrix -->"


@dataclass(frozen=True, slots=True)
class Cell:
    """One driver, one task, one server."""

    driver: str
    version: str
    task: str
    server: str
    """As `18` or `15`."""
    lacks: str = ""
    """Why the driver cannot do it; '' where it can."""

    def said(self) -> str:
        """As a test's property."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, said: str) -> Cell:
        """What `said` wrote."""
        return cls(**json.loads(said))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell."""

    cell: Cell
    outcome: str
    """passed, failed or skipped."""


def rendered(outcomes: Iterable[Outcome]) -> str:
    """Markdown: a table of drivers by task, `15 18` where both servers passed, and the reasons below it."""
    known = list(outcomes)
    drivers = list(dict.fromkeys((each.cell.driver, each.cell.version) for each in known))
    reasons: list[str] = []
    lines = ["| driver | version | " + " | ".join(f"`{task}`" for task in TASKS) + " |"]
    lines.append("|---" * (len(TASKS) + 2) + "|")
    for driver, version in drivers:
        cells = [
            _shown(
                [
                    each
                    for each in known
                    if (each.cell.driver, each.cell.version, each.cell.task) == (driver, version, task)
                ],
                reasons,
            )
            for task in TASKS
        ]
        lines.append(f"| {driver} | {version} | " + " | ".join(cells) + " |")
    passed = sum(each.outcome == PASSED and not each.cell.lacks for each in known)
    lacking = sum(bool(each.cell.lacks) for each in known)
    failed = sum(each.outcome == FAILED for each in known)
    head = [
        f"{passed} cells passed, {failed} failed; in {lacking} the driver has no such thing. A number in a cell is the",
        "server's version (15: Debian's, 18: embedded) on which it passed: the same through the proxy as directly.",
        "",
    ]
    tail = ["", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1)), ""]
    tasks = [f"- `{task}`: {MEANING[task]}" for task in TASKS]
    return "\n".join([*head, *lines, *tail, *tasks])


def _shown(found: Sequence[Outcome], reasons: list[str]) -> str:
    if not found:
        return ""
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
