"""The score of a run of the regression SQL: a file for the record, and words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.regress_compare import Compared


def write(path: Path, version: int, compared: Sequence[Compared]) -> None:
    """What docs/conformance.md is made of."""
    score = {
        "server": version,
        "identical": [each.name for each in compared if each.identical],
        "explained": {each.name: dict(each.reasons) for each in compared if each.reasons and not each.unexplained},
        "different": {each.name: len(each.unexplained) for each in compared if each.unexplained},
    }
    path.write_text(json.dumps(score, indent=1) + "\n", encoding="utf-8")


def told(compared: Sequence[Compared]) -> str:
    """The totals, and every file that differs."""
    reasons: Counter[str] = Counter()
    lines = []
    for each in compared:
        reasons.update(each.reasons)
        if each.unexplained:
            lines.append(f"  {each.name}: {len(each.unexplained)} places for no reason")
        elif each.reasons:
            lines.append(f"  {each.name}: {', '.join(f'{name} x{count}' for name, count in each.reasons.items())}")
    identical = sum(each.identical for each in compared)
    explained = sum(bool(each.reasons) and not each.unexplained for each in compared)
    different = sum(bool(each.unexplained) for each in compared)
    lines.append(f"{len(compared)} files: {identical} identical, {explained} but for reasons, {different} different")
    lines += [f"  {name}: {count}" for name, count in reasons.most_common()]
    return "\n".join(lines)
