"""The comparison of the regression SQL's outputs: what differs is found, and a reason explains only what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.regress import REASONS
from tests.conformance.regress_compare import compare, hunks, load_reasons
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
    assert source.version == 15
