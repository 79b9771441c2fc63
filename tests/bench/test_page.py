"""The table in its three forms, from numbers made up: text, a page by itself, and the blocks of the documents."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench.aims import aims
from bench.page import page
from bench.report import Report, failures, latency, number, text
from bench.samples import summary
from bench.written import filled, write

ROOT = Path(__file__).parents[2]


def made_up(**more: Any) -> Report:
    """As if measured: two workloads, three lanes."""
    names = ("direct", "pgbouncer", "masking")
    lanes = [{"name": name, "about": f"about <{name}>", "failed": "", "ours": name == "masking"} for name in names]
    statements = summary(
        {
            "direct": {"rate": [1000.0, 1100.0], "p50": [100.0, 100.0], "p99": [200.0, 200.0]},
            "pgbouncer": {"rate": [500.0, 550.0], "p50": [150.0, 150.0], "p99": [300.0, 300.0]},
            "masking": {
                "rate": [600.0, 660.0],
                "p50": [130.0, 150.0],
                "p99": [900.0, 900.0],
                "proxy_cpu_per_million": [40.0, 50.0],
                "stall_ms": [25.0, 5.0],
            },
        }
    )
    rows = summary({"direct": {"rate": [1e6]}, "masking": {"rate": [9e5]}})

    def common() -> dict[str, Any]:
        return {"failures": {}, "profile": [["decode <x> (wire/frames.py)", 0.5, 0.6]], "server_profile": []}

    return {
        "conditions": {"pgmaskproxy": "0.1, compiled", "machine": "a <machine>", "server": "PostgreSQL 18, fsync off"},
        "lanes": lanes,
        "workloads": [
            {
                "name": "select, prepared, 8",
                "group": "select-only",
                "about": "a & b",
                "unit": "tx/s",
                "lanes": statements,
            }
            | common(),
            {"name": "rows, libpq text", "group": "rows", "about": "rows", "unit": "rows/s", "lanes": rows} | common(),
        ],
        "cold_start": {"masking": {"median": 800.0, "min": 700.0, "max": 1900.0}},
        "notes": ["not measured: <something>"],
        **more,
    }


def test_numbers_have_three_figures_that_count() -> None:
    assert [number(value) for value in (None, 0.0, 0.123, 12.34, 1234.5)] == ["-", "0", "0.12", "12.3", "1,234"]
    assert [latency(value) for value in (None, 55.0, 1500.0)] == ["-", "55.0 µs", "1.50 ms"]


def test_aims_are_met_or_not_or_unknown() -> None:
    found = {aim.about: aim for aim in aims(made_up())}
    assert found["select-only, prepared, 8 clients"].met is True
    assert found["select-only, prepared, 8 clients"].shown == "1.20 x"
    assert found["select-only, simple, 8 clients"].met is None
    assert found["rows by the million, three masks"].met is False
    assert found["p99 by p50, select-only, prepared, 8 clients"].met is False
    assert found["longest stall of the event loop: any workload"].shown == "25.0 ms"
    assert found["start to accepting"].wanted == "under 1,000 ms"
    assert found["start to accepting"].met is True


def test_the_text_says_every_lane_and_what_failed() -> None:
    found = made_up()
    found["workloads"][0]["failures"]["pgbouncer"] = "RuntimeError: gone"
    said = text(found)
    assert "masking" in said
    assert "added p50 40.0 µs" in said
    assert "decode <x> (wire/frames.py) 50%" in said
    assert failures(found) == ["select, prepared, 8, pgbouncer: RuntimeError: gone"]
    assert "RuntimeError: gone" in said


class Strict(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_is_whole() -> None:
    whole = page(made_up())
    parser = Strict()
    parser.feed(whole)
    assert parser.open == []
    assert {"svg", "rect", "circle", "table", "details"} <= parser.seen
    assert "script" not in parser.seen
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", whole)
    assert "&lt;machine&gt;" in whole
    assert "<machine>" not in whole
    assert "NaN" not in whole
    assert json.loads(json.dumps(made_up())) == made_up()


def test_a_bench_without_a_proxy_has_a_page_too() -> None:
    found = made_up(cold_start={}, notes=[])
    for workload in found["workloads"]:
        workload["lanes"].pop("masking")
    assert "not measured" in page(found)


def test_blocks_are_written_between_their_comments(tmp_path: Path) -> None:
    readme, guide = tmp_path / "README.md", tmp_path / "performance.md"
    readme.write_text((ROOT / "README.md").read_text("utf-8"), "utf-8")
    guide.write_text((ROOT / "docs" / "performance.md").read_text("utf-8"), "utf-8")
    write(made_up(), readme, guide)
    assert "| a & b | 630 tx/s | 0.60 | 1.20 |" in readme.read_text("utf-8")
    assert "| select, prepared, 8 | 1,050 tx/s | 0.50 | 0.60 | 1.20 |" in guide.read_text("utf-8")
    once = guide.read_text("utf-8")
    assert "| `decode <x> (wire/frames.py)` | 50% | 60% |" in once
    write(made_up(), readme, guide)
    assert guide.read_text("utf-8") == once


def test_a_page_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for aims"):
        filled("nothing here", {"aims": "table"})
