"""The score of a run of the regression SQL: words for who ran it, a section for docs/conformance.md."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.regress_compare import Compared, Reason

WIDTH = 118


def told(compared: Sequence[Compared]) -> str:
    """Every file that differs, and the totals."""
    lines = []
    for each in compared:
        if each.unexplained:
            lines.append(f"  {each.name}: {len(each.unexplained)} places for no reason")
        elif each.reasons:
            lines.append(f"  {each.name}: {', '.join(f'{name} x{count}' for name, count in each.reasons.items())}")
    identical, explained, different = _totals(compared)
    lines.append(f"{len(compared)} files: {identical} identical, {explained} but for reasons, {different} different")
    return "\n".join(lines)


def section(server: str, source: str, compared: Sequence[Compared], reasons: Sequence[Reason]) -> str:
    """What docs/conformance.md says of one server: totals, reasons, and the files."""
    identical, explained, different = _totals(compared)
    lines = [
        f"### PostgreSQL {server}, with the tests of {source}",
        "",
        "| files | identical | identical but for reasons | different |",
        "|---|---|---|---|",
        f"| {len(compared)} | {identical} | {explained} | {different} |",
    ]
    used = [reason for reason in reasons if any(reason.id in each.reasons for each in compared)]
    if used:
        lines += ["", "| places | in | why |", "|---|---|---|"]
    for reason in used:
        files = [each.name for each in compared if reason.id in each.reasons]
        places = sum(each.reasons[reason.id] for each in compared)
        lines.append(f"| {places} | {', '.join(files)} | {' '.join(reason.why.split())} |")
    lines += _list("Different: ", [each.name for each in compared if each.unexplained])
    lines += _list("Identical: ", [each.name for each in compared if each.identical])
    return "\n".join(lines)


def put(document: Path, mark: str, text: str) -> None:
    """Put a section between its marks. ValueError where they are not there."""
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{document} has no marks {mark}:begin and {mark}:end")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _totals(compared: Sequence[Compared]) -> tuple[int, int, int]:
    identical = sum(each.identical for each in compared)
    different = sum(bool(each.unexplained) for each in compared)
    return identical, len(compared) - identical - different, different


def _list(head: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return ["", *textwrap.wrap(f"{head}{', '.join(names)}.", WIDTH, break_long_words=False, break_on_hyphens=False)]
