from __future__ import annotations

from pathlib import Path

from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import ColumnLabels, ColumnRef, Principal, PrincipalKind
from pgmaskproxy.policy.doubts import doubts, principals_of
from pgmaskproxy.policy.loader import load_policies
from tests.policy.shop import AGENT, FRAUD, LABELS, READS, WRITES, policy

DEFAULT = Path(__file__).parents[2] / "policies" / "default.yaml"
HOLD = '  - {id: h, effects: [WRITE], labels: ["pii.*"], decide: hold, approvers: {groups: [dba]}}\n'


def said(text: str, *principals: Principal) -> dict[str, str]:
    rules = policy(text)
    return {doubt.ref.id: doubt.message for doubt in doubts(rules, principals or principals_of(rules))}


def test_who_writes_what_it_reads_by_a_deterministic_mask_makes_a_code_book() -> None:
    found = said(LABELS + READS + WRITES, AGENT)
    assert "sales-agent may write shop.x.email and reads it with mask email (pii.email)" in found["pii.email"]
    assert "code book" in found["pii.email"]
    assert "mask partial" in found["pii.card"]
    assert "a unique index tells" in found["pii.ssn"], "redact shows nothing, but a unique index does"


def test_where_a_person_agrees_or_nobody_may_there_is_no_doubt() -> None:
    assert said(LABELS + READS + WRITES + HOLD) == {}
    assert said(LABELS + READS) == {}
    deny = HOLD.replace("decide: hold, approvers: {groups: [dba]}", "decide: deny")
    assert said(LABELS + READS + WRITES + deny) == {}
    held = LABELS.replace("mask: {kind: partial, last: 4}", "mask: {kind: partial, last: 4}, uses: {written: refuse}")
    assert "pii.card" not in said(held + READS + WRITES)


def test_who_is_cleared_learns_nothing_new() -> None:
    assert set(said(LABELS + READS + WRITES, FRAUD)) == {"pii.card"}


def test_what_would_be_unmasked_is_there() -> None:
    unmask = (
        "  - {id: u, effects: [READ], unmask: [shop.customers.SSN, shop.customers.tax_id, '*.*.email'], decide: hold,"
        " approvers: {groups: [dba]}}\n"
    )
    rules = policy(LABELS + READS + unmask)
    labelling = {
        ColumnRef("shop", "customers", name): ColumnLabels(frozenset({f"pii.{name}"})) for name in ("ssn", "email")
    }
    found = doubts(rules, [AGENT], labelling)
    assert [(doubt.ref.id, "shop.customers.tax_id" in doubt.message) for doubt in found] == [("u", True)]
    assert doubts(rules, [AGENT]) == ()


def test_what_was_said_in_so_many_words_is_meant() -> None:
    meant = LABELS.replace("uses: {null_test: allow}}", "uses: {written: allow}}")
    assert "pii.ssn" not in said(meant + READS + WRITES)
    allowed = LABELS.replace("mask: {kind: partial, last: 4}", "mask: {kind: partial, last: 4}, uses: {written: allow}")
    assert "code book" in said(allowed + READS + WRITES)["pii.card"], "that is another matter"


def test_rules_for_some_are_found_without_knowing_who_there_is() -> None:
    some = (
        '  - {id: w, effects: [WRITE], who: ["group:etl"], database: [stock],'
        " relations: [shop.customers], decide: allow}\n"
    )
    found = said(LABELS + READS + some)
    assert found["pii.email"].startswith("group:etl may write shop.customers.email")
    rules = policy(LABELS + READS + some.replace("group:etl", "kind:service"))
    assert [who.kind for who in principals_of(rules)] == [PrincipalKind.AGENT, PrincipalKind.SERVICE]
    named = policy(LABELS + READS + some.replace("group:etl", "user:loader"))
    assert [who.name for who in principals_of(named)] == ["anybody", "loader"]


def test_what_may_be_joined_may_not_be_written_unseen() -> None:
    joined = (
        'labels:\n  k: {columns: ["shop.customers.email"], mask: {kind: redact},'
        ' uses: {join: ["shop.customers.email = news.list.address"]}}\n'
    )
    rule = "  - {id: w, effects: [WRITE], relations: [news.list], decide: allow}\n"
    assert "may write news.list.address (k)" in said(joined + READS + rule)["k"]


def test_a_databases_own_columns_are_looked_at_where_they_are_known() -> None:
    rules = policy(LABELS + READS + WRITES)
    elsewhere = {ColumnRef("hr", "people", "email"): ColumnLabels(frozenset({"pii.email"}))}
    assert doubts(rules, [AGENT], elsewhere) == ()
    here = {ColumnRef("shop", "people", "mail"): ColumnLabels(frozenset({"pii.email"}))}
    (found,) = doubts(rules, [AGENT], here)
    assert "shop.people.mail" in found.message
    assert (found.ref.file, found.ref.line) == ("p.yaml", 6)


def test_the_default_policy_raises_none() -> None:
    rules = load_policies([("default.yaml", DEFAULT.read_text(encoding="utf-8"))], kinds())
    assert doubts(rules, principals_of(rules)) == ()
