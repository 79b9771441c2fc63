"""Many scripts to both sides: what came of them, and where the two sides differ."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from tests.fuzz.client import CANCELED, Answer, Extended, Script, Simple, Step, texts
from tests.fuzz.families import FAMILIES, script
from tests.fuzz.stage import Pair

Outcome: TypeAlias = Literal["masked", "rows", "done", "error", "refused", "given up", "DIFFERENT"]
"""Rows of a script that names labelled columns; other rows; neither rows nor error; an error of the server's; a refusal
of the proxy's; taken too long; the one that must not be."""
OUTCOMES: Final[tuple[Outcome, ...]] = ("masked", "rows", "done", "error", "refused", "given up", "DIFFERENT")
CLEANING: Final = 1500
"""So many scripts after which the space of what was rolled back is freed."""
SHOWN: Final = 12
"""Lines of each side's answer that a difference shows."""


@dataclass
class Difference:
    """A script that the two sides answered differently, and its answers."""

    seed: int
    script: Script
    answers: tuple[Answer, Answer]

    def __str__(self) -> str:
        left, right = (answer.lines() for answer in self.answers)
        at = next((n for n, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), 0)
        shown = [
            f"seed {self.seed}, family {self.script.family}, database {self.script.database}",
            *texts(self.script.steps),
        ]
        for name, lines in (("left", left), ("right", right)):
            shown += [f"  {name}: {len(lines)} frames, from frame {at}:"]
            shown += [f"    {line[:300]}" for line in lines[at : at + SHOWN]]
        return "\n".join(shown)


@dataclass
class Campaign:
    """What was compared so far."""

    pair: Pair
    counts: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds and seed."""

    @property
    def compared(self) -> int:
        return sum(self.counts.values())

    def run(self, seeds: Iterable[int], family: str = "", *, beyond: bool = False) -> Iterator[Difference]:
        """Compare the script of each seed; yields each difference, minimised."""
        for seed in seeds:
            if self.compared and self.compared % CLEANING == 0:
                self.pair.vacuum()
            written = script(seed, family, beyond=beyond)
            began = time.monotonic()
            answers = self.pair.play(written)
            self.slowest = max(self.slowest, (time.monotonic() - began, seed))
            outcome = self.outcome(written, answers)
            self.counts[written.family, outcome] += 1
            if outcome == "DIFFERENT":
                self.pair.reconnect()
                found = self.minimised(Difference(seed, written, answers))
                self.differences.append(found)
                yield found

    def outcome(self, written: Script, answers: tuple[Answer, Answer]) -> Outcome:
        """What came of a script."""
        states = [state for answer in answers for state in answer.states()]
        if CANCELED in states:
            return "given up"
        if not self.pair.same(answers):
            return "DIFFERENT"
        answer = answers[0]
        if answer.refused:
            return "refused"
        if states:
            return "error"
        if not answer.rows:
            return "done"
        return "masked" if written.masked else "rows"

    def share(self, *outcomes: Outcome) -> float:
        """The share of all scripts that came out as one of these."""
        return sum(count for (_, outcome), count in self.counts.items() if outcome in outcomes) / max(1, self.compared)

    def report(self) -> str:
        """A table by family and outcome."""
        lines = [f"{'':14}" + "".join(f"{outcome:>11}" for outcome in OUTCOMES)]
        for name in [name for name in FAMILIES if any(known == name for known, _ in self.counts)]:
            cells = [f"{self.counts[name, outcome] or '':>11}" for outcome in OUTCOMES]
            lines.append(f"{name:14}{''.join(cells)}")
        totals = [sum(self.counts[name, outcome] for name in FAMILIES) for outcome in OUTCOMES]
        lines.append(f"{'all':14}" + "".join(f"{total:>11}" for total in totals))
        lines.append(
            f"{self.compared} comparisons; {self.share('masked', 'rows', 'done'):.0%} allowed,"
            f" {self.share('masked', 'rows'):.0%} with rows, {self.share('masked'):.0%} over labelled columns;"
            f" slowest {self.slowest[0]:.2f} s (seed {self.slowest[1]})"
        )
        return "\n".join(lines)

    # -- making it smaller ---------------------------------------------------------------------------------

    def minimised(self, found: Difference) -> Difference:
        """The same difference by fewer steps and clauses, where dropping some leaves one."""
        best = found
        for _ in range(60):
            for smaller in _smaller(best.script):
                answers = self.pair.play(smaller)
                if self.outcome(smaller, answers) == "DIFFERENT":
                    self.pair.reconnect()
                    best = Difference(found.seed, smaller, answers)
                    break
            else:
                break
        return best


_CLAUSES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r" LIMIT \d+( OFFSET \d+)?$", r" ORDER BY [^()]*$", r" WHERE (?:(?! WHERE ).)*$", r" RETURNING .*$",
        r" HAVING .*$", r" UNION ALL SELECT .*$", r" ON CONFLICT .*$", r"^WITH w\d+ AS .*?\) (?=SELECT)",
        r" AND \([^()]*\)", r", [^,()]* AS o\d+", r" (LEFT|RIGHT|FULL) JOIN(?= )",
    )
)  # fmt: skip


def _smaller(written: Script) -> Iterator[Script]:
    """Scripts with one thing less."""
    for place in range(len(written.steps)):
        rest = written.steps[:place] + written.steps[place + 1 :]
        # What takes a write back stays, and something must be answered at the end.
        if rest and not written.steps[place].sql.startswith(("BEGIN", "START", "ROLLBACK")) and _answered(rest[-1]):
            yield replace(written, steps=rest)
        for step in _smaller_steps(written.steps[place]):
            yield replace(written, steps=(*written.steps[:place], step, *written.steps[place + 1 :]))


def _answered(step: Step) -> bool:
    return isinstance(step, Simple) or step.synced


def _smaller_steps(step: Step) -> Iterator[Step]:
    if isinstance(step, Extended) and not step.parameters and step.synced:
        yield Simple(step.sql)
    for clause in _CLAUSES:
        for match in clause.finditer(step.sql):
            with_it = step.sql[: match.start()] + (" JOIN" if "JOIN" in match[0] else "") + step.sql[match.end() :]
            yield replace(step, sql=with_it)
