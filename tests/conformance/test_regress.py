"""The comparison of the regression SQL's outputs: what differs is found, and a reason explains only what it says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance import regress_score
from tests.conformance.regress import REASONS
from tests.conformance.regress_compare import Compared, Reason, compare, hunks, load_reasons
from tests.conformance.regress_schedule import Source

REASON = """\
- id: pids
  why: two servers have other processes
  files: [stats*]
  direct: '^pid \\d+$'
  proxied: '^pid \\d+$'
"""


@pytest.fixture
def outputs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A direct and a proxied output, and a reasons file."""
    direct, proxied, reasons = tmp_path / "direct", tmp_path / "proxied", tmp_path / "reasons.yaml"
    direct.write_text("one\npid 1\nthree\n")
    proxied.write_text("one\npid 2\nthree\n")
    reasons.write_text(REASON)
    return direct, proxied, reasons


def test_equal_outputs_are_identical(outputs: tuple[Path, Path, Path]) -> None:
    direct, _, reasons = outputs
    assert compare("stats", 15, direct, direct, load_reasons(reasons)).identical


def test_a_difference_with_a_reason_is_counted_under_it(outputs: tuple[Path, Path, Path]) -> None:
    direct, proxied, reasons = outputs
    compared = compare("stats_ext", 15, direct, proxied, load_reasons(reasons))
    assert compared.reasons == {"pids": 1}
    assert not compared.unexplained
    assert not compared.identical


def test_a_reason_is_for_its_files_only(outputs: tuple[Path, Path, Path]) -> None:
    direct, proxied, reasons = outputs
    compared = compare("join", 15, direct, proxied, load_reasons(reasons))
    assert [(hunk.line, hunk.direct, hunk.proxied) for hunk in compared.unexplained] == [(2, ("pid 1",), ("pid 2",))]


def test_a_reason_must_fit_both_sides(outputs: tuple[Path, Path, Path]) -> None:
    direct, proxied, reasons = outputs
    proxied.write_text("one\nERROR:  no\nthree\n")
    assert compare("stats", 15, direct, proxied, load_reasons(reasons)).unexplained


def test_a_lost_line_is_a_difference() -> None:
    (hunk,) = hunks(["a", "NOTICE:  b", "c"], ["a", "c"])
    assert (hunk.line, hunk.direct, hunk.proxied) == (2, ("NOTICE:  b",), ())


def test_a_reason_that_would_explain_anything_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "reasons.yaml"
    path.write_text("- {id: all, why: anything}\n")
    with pytest.raises(ValueError, match="would explain anything"):
        load_reasons(path)


def test_the_reasons_file_can_be_read() -> None:
    reasons = load_reasons(REASONS)
    assert len({reason.id for reason in reasons}) == len(reasons)
    assert all(reason.why for reason in reasons)


def test_the_schedule_is_read_in_its_order(tmp_path: Path) -> None:
    regress = tmp_path / "postgresql-15.1" / "src" / "test" / "regress"
    regress.mkdir(parents=True)
    (regress / "parallel_schedule").write_text("# first\ntest: setup\n\ntest: b a\nignore: random\n")
    source = Source(tmp_path / "postgresql-15.1")
    assert source.schedule() == ["setup", "b", "a"]
    assert (source.release, source.version) == ("15.1", 15)


def test_the_score_stands_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "conformance.md"
    document.write_text("before\n<!-- regress-15:begin -->\nold\n<!-- regress-15:end -->\nafter\n")
    compared = [Compared("one"), Compared("two", Counter({"pids": 2}))]
    reasons = [Reason("pids", "two servers"), Reason("unused", "never")]
    regress_score.put(document, "regress-15", regress_score.section("15.20", "15.18", compared, reasons))
    text = document.read_text()
    assert text.startswith("before\n<!-- regress-15:begin -->\n### PostgreSQL 15.20, with the tests of 15.18\n")
    assert text.endswith("Identical: one.\n<!-- regress-15:end -->\nafter\n")
    assert "| 2 | 1 | 1 | 0 |" in text
    assert "| 2 | two | two servers |" in text
    assert not {"old", "never"} & set(text.split())
    with pytest.raises(ValueError, match="regress-18"):
        regress_score.put(document, "regress-18", "")
