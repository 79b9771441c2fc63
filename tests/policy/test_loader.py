from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Policy
from tests.policy.shop import HEADER, LABELS, READS

DEFAULT = Path(__file__).parents[2] / "policies" / "default.yaml"


def broken(*texts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_policies([(f"{'ab'[index]}.yaml", text) for index, text in enumerate(texts)], kinds())
    return [str(problem) for problem in caught.value.problems]


def test_every_error_of_every_file_at_once() -> None:
    first = (
        HEADER
        + """labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redakt}}
  pii.x: {columns: ["ssn"], mask: {kind: partial, lats: 4, first: many}, use: {}}
rules:
  - {id: r, effects: [REED], decide: alow}
  - {id: r2, effects: [READ], decide: allow, labels: ["pii.sn"]}
"""
    )
    second = "apiVersion: pgmaskproxy/v2\nkind: Polcy\nrulez: []\nrules:\n  - {id: r2, effects: [DDL], decide: hold}\n"
    assert broken(first, second) == [
        'a.yaml:4: unknown kind of mask "redakt" (did you mean "redact"?)',
        'a.yaml:5: "first" of mask partial must be a whole number from 0 to 64',
        'a.yaml:5: an item of "columns" "ssn" must be schema.table.column (* stands for anything; a name with a dot '
        'in it is "quoted")',
        'a.yaml:5: unknown key "lats" in mask partial (did you mean "last"?)',
        'a.yaml:5: unknown key "use" in label "pii.x" (did you mean "uses"?)',
        'a.yaml:7: "decide" "alow" must be allow or hold or deny (did you mean "allow"?)',
        'a.yaml:7: an item of "effects" "REED" must be READ or WRITE or EXPORT or DDL or PRIVILEGE or ADMIN or SESSION '
        'or TRANSACTION or ROUTINE or UNKNOWN (did you mean "READ"?)',
        'a.yaml:8: no label is called "pii.sn" (did you mean "pii.ssn"?)',
        'b.yaml:1: "apiVersion" must be "pgmaskproxy/v1"',
        'b.yaml:2: "kind" must be "Policy"',
        'b.yaml:3: unknown key "rulez" in the file (did you mean "rules"?)',
        'b.yaml:5: rule "r2" holds, so it needs "approvers"',
        'b.yaml:5: rule "r2" twice, first at a.yaml:8',
    ]


def test_a_file_that_is_not_yaml_does_not_hide_the_others() -> None:
    assert broken(HEADER + "rules: [\n", HEADER + "nme: x\n") == [
        "a.yaml:4: expected the node content, but found '<stream end>'",
        'b.yaml:3: unknown key "nme" in the file (did you mean "name"?)',
    ]


def test_the_same_id_twice_over_files_is_an_error() -> None:
    assert broken(HEADER + LABELS + READS, HEADER + LABELS) == [
        'b.yaml:5: label "pii.ssn" twice, first at a.yaml:5',
        'b.yaml:6: label "pii.email" twice, first at a.yaml:6',
        'b.yaml:11: label "pii.card" twice, first at a.yaml:11',
    ]


def test_a_rule_may_name_a_label_of_another_file() -> None:
    rule = 'rules:\n  - {id: r, effects: [READ], labels: ["pii.*"], decide: deny}\n'
    found = load_policies([("a.yaml", HEADER + rule), ("b.yaml", HEADER + LABELS)], kinds())
    assert set(found.rules[0].labels or ()) == {"pii.ssn", "pii.email", "pii.card"}


def test_the_version_is_of_what_is_said_and_not_of_how_it_is_written() -> None:
    one = load_policies([("a.yaml", HEADER + LABELS + READS)], kinds())
    two = load_policies([("x.yaml", HEADER + READS + "# a comment\n"), ("y.yaml", HEADER + LABELS)], kinds())
    assert one.version == two.version
    assert len(one.version) == 64
    assert load_policies([], kinds()) == Policy({}, (), load_policies([], kinds()).version)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: redact", 'kind: "null"'),
        ("last: 4", "last: 3"),
        ("group:fraud", "user:fraud"),
        ("count: allow, ", ""),
        ('"*.*.card"', '"*.*.iban"'),
        ("pii.card", "pii.karte"),
        ("shop.*", "shop.orders"),
        ("id: reads", "id: reading"),
        ("decide: allow", "decide: deny"),
        ("effects: [READ]", "effects: [READ, WRITE]"),
        ("effects: [READ]", "who: [kind:agent], effects: [READ]"),
        ("effects: [READ]", "database: [shop], effects: [READ]"),
        ("effects: [READ]", "labels: [pii.ssn], effects: [READ]"),
        ("effects: [READ]", "functions: [shop.f], effects: [READ, ROUTINE]"),
        ("effects: [READ]", "without_where: true, effects: [READ, WRITE]"),
        ("decide: allow", "decide: deny, message: no"),
        ("decide: allow", "decide: hold, approvers: {groups: [dba]}"),
        ("decide: allow", "decide: hold, approvers: {groups: [dba], quorum: 2}"),
        ("decide: allow", "decide: hold, approvers: {groups: [dba], deadline: 1m}"),
        ("decide: allow", "decide: hold, approvers: {groups: [dba], in_transaction: 1m}"),
        ("decide: allow", "decide: hold, approvers: {groups: [dba]}, card: x"),
        ("decide: allow", "decide: hold, approvers: {groups: [dba]}, require: [reason]"),
        ("decide: allow", "decide: hold, approvers: {steps: [{group: dba}, {group: sec}]}"),
    ],
)
def test_every_change_of_meaning_changes_the_version(old: str, new: str) -> None:
    text = HEADER + LABELS + READS
    assert old in text
    changed = load_policies([("a.yaml", text.replace(old, new))], kinds())
    assert changed.version != load_policies([("a.yaml", text)], kinds()).version


@given(st.permutations(DEFAULT.read_text().partition("\nrules:")[2].split("\n  - ")[1:]))
def test_the_order_of_rules_in_a_file_never_matters(rules: list[str]) -> None:
    text = DEFAULT.read_text()
    head = text.partition("\nrules:")[0]
    shuffled = load_policies([("d.yaml", head + "\nrules:\n  - " + "\n  - ".join(rules) + "\n")], kinds())
    assert shuffled.version == load_policies([("d.yaml", text)], kinds()).version


def test_the_default_policy_loads() -> None:
    found = load_policies([(str(DEFAULT), DEFAULT.read_text())], kinds())
    assert {"pii.ssn", "pii.email", "pii.card", "pii.birth_date", "pii.notes", "pii.profile", "hr.salary"} == set(
        found.labels
    )
    assert found.names == ("default",)
