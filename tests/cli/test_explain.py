"""Explaining over a small catalog, without a server."""

from __future__ import annotations

import json
from dataclasses import replace

import click
import pytest

from pgmaskproxy.cli.explain import explain, explained_dict, explained_text, place
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import Outcome, Principal, PrincipalKind, RuleRef, Statement
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.sql.catalog import Catalog, Column, Relation
from tests.cli.files import POLICY

CATALOG = Catalog(
    relations=(
        Relation(
            100,
            "shop",
            "customers",
            "r",
            (Column(1, "id", 23), Column(2, "ssn", 25), Column(3, "email", 25)),
            owner="o",
        ),
    ),
    version=180000,
    database="shop",
    schemas=("pg_catalog", "shop"),
)
AGENT = Principal("agent", PrincipalKind.AGENT)


def explained(sql: str) -> list[tuple[Outcome, str]]:
    policy = load_policies([("p.yaml", POLICY)], kinds())
    found = explain(policy, AGENT, Statement(sql, "shop", "app", ("pg_catalog", "shop")), CATALOG)
    return [(each.decision.outcome, click.unstyle(explained_text(each))) for each in found]


def test_masks_carry_their_params_and_labels() -> None:
    policy = load_policies([("p.yaml", POLICY)], kinds())
    (found,) = explain(
        policy, AGENT, Statement("SELECT * FROM customers", "shop", "app", ("pg_catalog", "shop")), CATALOG
    )
    masks = [output["mask"] for output in explained_dict(found)["outputs"]]
    assert [mask and (mask["kind"], mask["label"]) for mask in masks] == [
        None,
        ("redact", "pii.ssn"),
        ("email", "pii.email"),
    ]


def test_the_paths_of_a_documents_mask_are_json_too() -> None:
    paths = '"$.ssn": {kind: partial, last: 4}'
    text = POLICY.replace("mask: {kind: email}", f"mask: {{kind: json, paths: {{{paths}}}}}")
    assert text != POLICY
    policy = load_policies([("p.yaml", text)], kinds())
    statement = Statement("SELECT email FROM customers", "shop", "app", ("pg_catalog", "shop"))
    (found,) = explain(policy, AGENT, statement, CATALOG)
    (output,) = json.loads(json.dumps(explained_dict(found)))["outputs"]
    inner = {"kind": "partial", "label": "pii.email", "params": {"last": 4}}
    assert output["mask"] == {"kind": "json", "label": "pii.email", "params": {"paths": {"$.ssn": inner}}}


def test_several_statements_each_with_its_decision() -> None:
    found = explained("SELECT id FROM customers; CREATE TABLE t (a int); GRANT ALL ON customers TO x")
    assert [outcome for outcome, _ in found] == [Outcome.ALLOW, Outcome.HOLD, Outcome.DENY]
    assert "rules" in found[0][1]
    assert "p.yaml:8" in found[0][1]
    assert "1 of dba within 900 s" in found[1][1]
    assert "42501" in found[2][1]


def test_what_cannot_be_read_is_denied() -> None:
    ((outcome, text),) = explained("SELEC id")
    assert outcome is Outcome.DENY
    assert "42601" in text
    assert "kind" not in text


def test_43_kilobytes_of_additions_do_not_end_the_process() -> None:
    ((outcome, text),) = explained("SELECT " + "+".join(["1"] * 21_500))
    assert outcome is Outcome.DENY
    assert "54001" in text


@pytest.mark.parametrize(
    ("rule", "text"), [(RuleRef("a", "f.yaml", 3), "a (f.yaml:3)"), (RuleRef("builtin"), "builtin")]
)
def test_place(rule: RuleRef, text: str) -> None:
    assert place(rule) == text


LOOKED_UP = POLICY.replace(
    "mask: {kind: email}}",
    "mask: {kind: email}, uses: {equality: {budget: 3, per: 1h}, ordering: hold}, approvers: {groups: [dba]}}",
)


def test_what_each_label_says_to_each_use_and_what_it_costs() -> None:
    policy = load_policies([("p.yaml", LOOKED_UP)], kinds())
    sql = "SELECT id FROM customers WHERE email = $1 ORDER BY email"
    (found,) = explain(policy, AGENT, Statement(sql, "shop", "app", ("pg_catalog", "shop")), CATALOG)
    text = click.unstyle(explained_text(found))
    assert "shop.customers.email in WHERE (equality) [pii.email: allow]" in text
    assert "shop.customers.email in ORDER BY (ordering) [pii.email: hold]" in text
    assert "a look-up of shop.customers.email: 3 per 1h (pii.email)" in text
    data = explained_dict(found)
    assert [use["answer"] for use in data["uses"]] == [{"pii.email": "allow"}, {"pii.email": "hold"}]
    assert data["decision"]["charges"] == [
        {
            "label": "pii.email",
            "use": "equality",
            "column": "shop.customers.email",
            "budget": 3,
            "seconds": 3600.0,
        }
    ]


def test_a_refusal_says_what_would_be_allowed() -> None:
    policy = load_policies([("p.yaml", LOOKED_UP)], kinds())
    statement = Statement("SELECT max(email) FROM customers", "shop", "app", ("pg_catalog", "shop"))
    (found,) = explain(policy, AGENT, statement, CATALOG)
    facts = explained_dict(found)["decision"]["refusal"]["facts"]
    assert (facts["use"], facts["allowed"], facts["held"]) == ("expression", ("output", "equality"), ("ordering",))
    assert "one column = value (3 per 1h)" in click.unstyle(explained_text(found))


UNMASKED = (
    POLICY
    + """
  - id: show-ssn
    effects: [READ]
    decide: hold
    unmask: ["shop.customers.ssn"]
    limits: {rows: 4}
    approvers: {groups: [dba]}
"""
)


def test_what_a_person_may_be_asked_to_show() -> None:
    policy = load_policies([("p.yaml", UNMASKED)], kinds())
    statement = Statement("SELECT ssn, email FROM customers", "shop", "app", ("pg_catalog", "shop"))
    (found,) = explain(policy, AGENT, replace(statement, unmask="customers.ssn"), CATALOG)
    assert found.decision.outcome is Outcome.HOLD
    assert "shop.customers.ssn in at most 4 rows" in click.unstyle(explained_text(found))
    assert explained_dict(found)["decision"]["unmask"] == {"columns": ["shop.customers.ssn"], "rows": 4}
    (plain,) = explain(policy, AGENT, statement, CATALOG)
    assert (plain.decision.outcome, explained_dict(plain)["decision"]["unmask"]) == (Outcome.ALLOW, None)
