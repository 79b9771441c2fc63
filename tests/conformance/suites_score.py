"""How a suite did on both ways: every difference with its reason, and the page that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.conformance.outcomes import FAILED, PASSED, SKIPPED, Outcome

HERE: Final = Path(__file__).parent
REASONS: Final = HERE / "suites_reasons.yaml"
SCORES: Final = HERE / "suites_scores.json"
"""What was last measured, by suite and server: the page is made from it."""
PAGE: Final = HERE.parents[1] / "docs" / "conformance.md"
BEGIN: Final = "<!-- suites:begin -->"
END: Final = "<!-- suites:end -->"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some tests differ: both the test's id and what it says must match."""

    suite: str
    tests: re.Pattern[str]
    says: re.Pattern[str]
    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that did not come out the same."""

    test: str
    direct: str
    proxied: str
    text: str
    why: str = ""


@dataclass(slots=True)
class Score:
    """One suite before one server."""

    suite: str
    version: str
    server: str
    direct: Mapping[str, int]
    proxied: Mapping[str, int]
    differences: list[Difference] = field(default_factory=list)

    @property
    def unexplained(self) -> list[Difference]:
        """Those that no reason covers."""
        return [each for each in self.differences if not each.why]

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{self.suite} {self.version}, PostgreSQL {self.server}"]
        lines += [f"  direct  {dict(self.direct)}", f"  proxied {dict(self.proxied)}"]
        lines += [f"  {count} differ: {why}" for why, count in self.reasons().items()]
        for each in self.unexplained:
            said = [line for line in each.text.splitlines() if line.startswith("E ")] or each.text.splitlines()
            lines.append(f"  NO REASON {each.test}: {each.direct} -> {each.proxied}: {said[-1] if said else ''}")
        return "\n".join(lines) + "\n"

    def reasons(self) -> dict[str, int]:
        """How many differ for what reason."""
        found: dict[str, int] = {}
        for each in self.differences:
            if each.why:
                found[each.why] = found.get(each.why, 0) + 1
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything, texts too."""
        return {
            **summary(self),
            "differences": [
                {"test": each.test, "direct": each.direct, "proxied": each.proxied, "why": each.why, "text": each.text}
                for each in self.differences
            ],
        }


def read_reasons(path: Path = REASONS) -> list[Reason]:
    """The reasons file. KeyError for one that lacks a part."""
    return [
        Reason(
            each["suite"],
            re.compile(each["tests"]),
            re.compile(each["says"], re.DOTALL),
            " ".join(each["why"].split()),
        )
        for each in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def score(
    suite: str,
    version: str,
    server: str,
    direct: Mapping[str, Outcome],
    proxied: Mapping[str, Outcome],
    *,
    reasons: list[Reason] | None = None,
) -> Score:
    """What differs: a test that came out otherwise, or that is missing on one way."""
    known = [reason for reason in (read_reasons() if reasons is None else reasons) if reason.suite == suite]
    found = Score(suite, version, server, _counts(direct), _counts(proxied))
    missing = Outcome("missing")
    for test in sorted({*direct, *proxied}):
        before, after = direct.get(test, missing), proxied.get(test, missing)
        if before.what == after.what:
            continue
        text = after.text or before.text
        why = next((r.why for r in known if r.tests.search(test) and r.says.search(text)), "")
        found.differences.append(Difference(test, before.what, after.what, text, why))
    return found


def _counts(outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    said = [outcome.what for outcome in outcomes.values()]
    return {what: said.count(what) for what in (PASSED, FAILED, SKIPPED)}


def summary(found: Score) -> dict[str, Any]:
    """What the page needs of it."""
    return {
        "suite": found.suite,
        "version": found.version,
        "server": found.server,
        "direct": dict(found.direct),
        "proxied": dict(found.proxied),
        "reasons": found.reasons(),
        "unexplained": [each.test for each in found.unexplained],
    }


def write_page(found: Score, *, scores: Path = SCORES, page: Path = PAGE) -> None:
    """Remember the score, and make the page's section anew from all that are remembered."""
    known = json.loads(scores.read_text(encoding="utf-8")) if scores.exists() else {}
    known[f"{found.suite} {found.server.partition('.')[0]}"] = summary(found)
    scores.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{section(known)}{END}{after}", encoding="utf-8")


def section(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: a row for each suite and server, then the reasons."""
    lines = [
        "| suite | driver | server | passed direct | passed through | differ, with a reason | without |",
        "|---|---|---|---|---|---|---|",
    ]
    for _, one in sorted(scores.items()):
        passed = f"{one['direct'][PASSED]} | {one['proxied'][PASSED]}"
        differ = f"{sum(one['reasons'].values())} | {len(one['unexplained'])}"
        lines.append(f"| {one['suite']} | {one['version']} | {one['server']} | {passed} | {differ} |")
    lines.append("")
    for name, one in sorted(scores.items()):
        for why, count in sorted(one["reasons"].items(), key=lambda item: -item[1]):
            lines.append(f"- {name}, {count}: {why}")
        lines += [f"- {name}, not explained yet: `{test}`" for test in one["unexplained"]]
    return "\n".join(lines) + "\n"
