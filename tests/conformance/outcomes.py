"""What became of each test, out of pytest's JUnit report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"

_ADDRESS: Final = re.compile(r"0x[0-9a-f]{6,}|\b\d{6,}\b")
"""In the names of parametrised tests: of objects, and of numbers drawn at random."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one test; `text` is everything pytest says of a failure."""

    what: str
    text: str = ""


def read_junit(report: Path) -> dict[str, Outcome]:
    """By test id. A test that is there twice (its set-up failed as well, or it has sub-tests) failed if one did."""
    found: dict[str, Outcome] = {}
    for case in ET.parse(report).iter("testcase"):
        name = _ADDRESS.sub("#", f"{case.get('classname')}::{case.get('name')}")
        outcome = _outcome(case)
        known = found.get(name)
        if known is None or (outcome.what == FAILED and known.what != FAILED):
            found[name] = outcome
    return found


def _outcome(case: ET.Element) -> Outcome:
    troubles = [*case.findall("failure"), *case.findall("error")]
    if troubles:
        return Outcome(FAILED, "\n".join(f"{each.get('message')}\n{each.text or ''}" for each in troubles))
    return Outcome(SKIPPED if case.find("skipped") is not None else PASSED)
