"""Plots as inline SVG. Widths are parts of what there is, heights and letters are not: so they read on a phone too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

ROW = 40
LEAST, MOST = 1.0, 1e6
"""Microseconds at the ends of the scale of latencies."""
TICKS = {10: "10 µs", 100: "100 µs", 1000: "1 ms", 10_000: "10 ms", 100_000: "100 ms"}


@dataclass(frozen=True)
class Bar:
    """A line of a chart: `least` and `most` are drawn as a whisker."""

    label: str
    value: float
    least: float
    most: float
    shown: str
    kind: str
    """A class of the page's style sheet: its colour."""


def bars(rows: Sequence[Bar], title: str, *, mark: float | None = None) -> str:
    """Horizontal, from 0; `mark` is a line across each of them."""
    highest = max([*(max(row.value, row.most) for row in rows), mark or 0.0], default=0.0) or 1.0
    scale = 98 / highest
    parts = []
    for number, row in enumerate(rows):
        top = number * ROW
        wide = max(row.value * scale, 0.15)
        parts.append(f'<text x="0" y="{top + 13}">{escape(row.label)}</text>')
        parts.append(f'<text class="value" x="100%" y="{top + 13}">{escape(row.shown)}</text>')
        parts.append(f'<rect class="{row.kind}" x="0" y="{top + 18}" width="{wide:.2f}%" height="9" rx="1.5"/>')
        if row.most > row.least:
            ends = f'x1="{row.least * scale:.2f}%" x2="{row.most * scale:.2f}%"'
            parts.append(f'<line class="whisker" {ends} y1="{top + 22.5}" y2="{top + 22.5}"/>')
        if mark is not None:  # beside the bar only: letters are above it
            where = f"{mark * scale:.2f}%"
            parts.append(f'<line class="mark" x1="{where}" x2="{where}" y1="{top + 16}" y2="{top + 29}"/>')
    return _svg(title, len(rows) * ROW, parts)


def latencies(rows: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Three dots for each row, on a scale of tenfold steps: p50, p99 and p99.9."""
    parts = []
    height = len(rows) * ROW
    for microseconds, label in TICKS.items():
        where = f"{_place(microseconds):.2f}%"
        parts.append(f'<line class="grid" x1="{where}" x2="{where}" y1="0" y2="{height}"/>')
        parts.append(f'<text class="tick" x="{where}" y="{height + 14}">{label}</text>')
    for number, (label, percentiles) in enumerate(rows.items()):
        top = number * ROW
        places = {name: _place(value) for name, value in percentiles.items()}
        parts.append(f'<text x="0" y="{top + 13}">{escape(label)}</text>')
        ends = f'x1="{min(places.values()):.2f}%" x2="{max(places.values()):.2f}%"'
        parts.append(f'<line class="span" {ends} y1="{top + 23}" y2="{top + 23}"/>')
        parts += [
            f'<circle class="{name}" cx="{place:.2f}%" cy="{top + 23}" r="4.5">'
            f"<title>{name}: {percentiles[name]:,.0f} µs</title></circle>"
            for name, place in places.items()
        ]
    return _svg(title, height + 20, parts)


def _place(microseconds: float) -> float:
    """Percent of the width."""
    bounded = min(max(microseconds, LEAST), MOST)
    return 2 + 96 * math.log(bounded / LEAST) / math.log(MOST / LEAST)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return f'<svg role="img" aria-label="{escape(title)}" width="100%" height="{height}">{inside}</svg>'
