"""What `check` says of views that hold labelled columns against data of others."""

from __future__ import annotations

from pgmaskproxy.cli.view_checks import compared_findings
from pgmaskproxy.model import ColumnRef, ColumnUse, RelationRef, Use

PAY = ColumnRef("hr", "emp", "salary")
SSN = ColumnRef("hr", "emp", "ssn")


def test_each_view_is_named_with_what_it_does() -> None:
    found = list(
        compared_findings(
            {
                RelationRef("hr", "z"): [ColumnUse(SSN, Use.JOIN, "JOIN ON of view hr.z")],
                RelationRef("hr", "bands"): [
                    ColumnUse(PAY, Use.PREDICATE, "JOIN ON"),
                    ColumnUse(PAY, Use.PREDICATE, "WHERE"),
                ],
            }
        )
    )
    assert [(level, message) for level, message, _ in found] == [
        ("warning", "view hr.bands holds labelled columns against data without a label: hr.emp.salary (predicate)"),
        ("warning", "view hr.z holds labelled columns against data without a label: hr.emp.ssn (join)"),
    ]
    assert "trust.views: [hr.bands]" in found[0][2]


def test_nothing_is_said_of_no_view() -> None:
    assert list(compared_findings({})) == []
