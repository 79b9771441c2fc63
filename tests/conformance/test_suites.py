"""How two runs of a suite are compared, without running one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conformance.outcomes import FAILED, PASSED, SKIPPED, Outcome, read_junit
from tests.conformance.suites import SUITES
from tests.conformance.suites_score import BEGIN, END, Reason, Score, read_reasons, score, write_page

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.t" name="test_a[0x7f00aabbcc]"/>
<testcase classname="tests.t" name="test_b"><failure message="no">E   because</failure></testcase>
<testcase classname="tests.t" name="test_b"/>
<testcase classname="tests.t" name="test_c"><skipped message="not here"/></testcase>
<testcase classname="tests.t" name="test_d"><error message="set-up">E   gone</error></testcase>
</testsuite></testsuites>
"""
REASON = Reason("driver", re.compile("test_b"), re.compile("because"), "policy means it")


def outcomes(tmp_path: Path) -> dict[str, Outcome]:
    report = tmp_path / "junit.xml"
    report.write_text(REPORT, encoding="utf-8")
    return read_junit(report)


def compared(tmp_path: Path, *reasons: Reason) -> Score:
    proxied = outcomes(tmp_path)
    direct = {name: Outcome(PASSED if found.what == FAILED else found.what) for name, found in proxied.items()}
    return score("driver", "1.0", "18.4", direct, proxied, reasons=list(reasons))


def test_a_report_is_read_by_test(tmp_path: Path) -> None:
    found = outcomes(tmp_path)
    assert {name: outcome.what for name, outcome in found.items()} == {
        "tests.t::test_a[#]": PASSED,
        "tests.t::test_b": FAILED,
        "tests.t::test_c": SKIPPED,
        "tests.t::test_d": FAILED,
    }
    assert "because" in found["tests.t::test_b"].text


def test_a_difference_needs_a_reason_that_matches_test_and_text(tmp_path: Path) -> None:
    found = compared(tmp_path, REASON)
    assert found.reasons() == {"policy means it": 1}
    assert [each.test for each in found.unexplained] == ["tests.t::test_d"]
    for other in (
        Reason("another", REASON.tests, REASON.says, "x"),
        Reason("driver", re.compile("test_c"), REASON.says, "x"),
        Reason("driver", REASON.tests, re.compile("something else"), "x"),
    ):
        assert len(compared(tmp_path, other).unexplained) == 2
    assert "NO REASON tests.t::test_d: passed -> failed" in found.text()


def test_a_test_that_ran_on_one_way_only_differs() -> None:
    found = score("driver", "1.0", "18.4", {"a": Outcome(PASSED)}, {"b": Outcome(PASSED)}, reasons=[])
    assert [(each.test, each.direct, each.proxied) for each in found.differences] == [
        ("a", PASSED, "missing"),
        ("b", "missing", PASSED),
    ]


def test_the_page_keeps_what_other_runs_found(tmp_path: Path) -> None:
    page, scores = tmp_path / "page.md", tmp_path / "scores.json"
    page.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n", encoding="utf-8")
    write_page(compared(tmp_path, REASON), scores=scores, page=page)
    write_page(score("other", "2", "15.1", {}, {}, reasons=[]), scores=scores, page=page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("head\n")
    assert text.endswith("tail\n")
    assert "old" not in text
    assert "| driver | 1.0 | 18.4 | 3 | 1 | 1 | 1 |" in text
    assert "| other | 2 | 15.1 | 0 | 0 | 0 | 0 |" in text
    assert sorted(json.loads(scores.read_text(encoding="utf-8"))) == ["driver 18", "other 15"]


def test_every_reason_is_of_a_suite_and_says_why() -> None:
    for reason in read_reasons():
        assert reason.suite in SUITES
        assert len(reason.why) > 40
