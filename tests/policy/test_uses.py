from __future__ import annotations

import pytest

from pgmaskproxy.model import ColumnLabels, ColumnUse, Outcome, Use
from tests.policy.shop import (
    CARD,
    EMAIL,
    FRAUD,
    ID,
    LABELLING,
    LABELS,
    NAME,
    READS,
    SSN,
    STATUS,
    SUPPORT,
    WRITES,
    ask,
    bare,
    column,
    policy,
    refusal,
    select,
    update,
    used,
)

WRITING = policy(LABELS + READS + WRITES + "  - {id: exports, effects: [EXPORT], decide: allow}\n")
CONTACT = column("contact", "orders")


@pytest.mark.parametrize("use", [use for use in Use if use not in {Use.WRITTEN, Use.WRITE}])
def test_only_what_a_label_opts_in_to_is_allowed(use: Use) -> None:
    def outcome(name: str, more: str = "") -> Outcome:
        return ask(select(bare(ID), uses=[used(column(name, more or "customers"), use)])).outcome

    assert outcome("id") is Outcome.ALLOW
    opted_in = {Use.NULL_TEST, Use.COUNT, Use.EQUALITY}
    assert outcome("email") is (Outcome.ALLOW if use in opted_in else Outcome.DENY)
    assert outcome("ssn") is (Outcome.ALLOW if use is Use.NULL_TEST else Outcome.DENY)
    assert outcome("card") is Outcome.DENY


def test_the_strictest_of_a_columns_labels_counts() -> None:
    reads = [CONTACT.relation]
    assert ask(select(uses=[used(CONTACT, Use.NULL_TEST)], reads=reads)).outcome is Outcome.ALLOW
    assert ask(select(uses=[used(CONTACT, Use.EQUALITY)], reads=reads)).outcome is Outcome.DENY


def test_who_is_cleared_for_every_label_may_use_the_column() -> None:
    predicate = select(bare(ID), uses=[used(EMAIL, Use.PREDICATE)])
    assert ask(predicate, principal=SUPPORT).outcome is Outcome.ALLOW
    both = select(uses=[used(CONTACT, Use.PREDICATE)], reads=[CONTACT.relation])
    assert ask(both, principal=SUPPORT).outcome is Outcome.DENY
    assert ask(both, principal=FRAUD).outcome is Outcome.ALLOW


def test_the_error_names_column_use_place_and_what_would_work() -> None:
    found = refusal(ask(select(bare(ID), uses=[used(EMAIL, Use.ORDERING, "ORDER BY")])))
    assert found.sqlstate == "42501"
    assert (
        found.message
        == "permission denied by policy: column shop.customers.email (pii.email) may not be used in ORDER BY"
    )
    assert "Allowed besides: count(column), one column = value (100 per 1h), IS [NOT] NULL." in found.hint
    assert (found.schema, found.table, found.column) == ("shop", "customers", "email")
    assert found.rule is not None
    assert (found.rule.id, found.rule.file, found.rule.line) == ("pii.email", "p.yaml", 6)
    assert dict(found.facts) == {
        "why": "column_use",
        "rule": "pii.email",
        "column": "shop.customers.email",
        "use": "ordering",
        "where": "ORDER BY",
        "allowed": ("output", "count", "equality", "null_test"),
    }


def test_one_comparison_is_a_look_up_and_two_are_a_search() -> None:
    one = used(EMAIL, Use.EQUALITY)
    assert ask(select(bare(ID), uses=[one])).outcome is Outcome.ALLOW
    two = ask(select(bare(ID), uses=[one, used(EMAIL, Use.EQUALITY)]))
    assert two.outcome is Outcome.DENY
    assert "only once" in refusal(two).message
    assert ask(select(bare(ID), uses=[one, one]), principal=SUPPORT).outcome is Outcome.ALLOW


def test_explain_has_no_opt_ins() -> None:
    looked_up = select(uses=[used(EMAIL, Use.EQUALITY)], kind="ExplainStmt", reads=())
    assert ask(looked_up).outcome is Outcome.DENY
    assert "EXPLAIN" in refusal(ask(looked_up)).hint


def test_a_column_that_is_not_known_may_be_any() -> None:
    found = refusal(ask(select(bare(ID), uses=[used(column("x", schema=""), Use.PREDICATE)])))
    assert found.sqlstate == "0A000"
    assert '"x" in WHERE' in found.message


def test_a_whole_row_is_used_as_all_its_columns() -> None:
    row = column("")
    assert ask(select(bare(ID), uses=[used(row, Use.COUNT)])).outcome is Outcome.DENY
    assert ask(select(bare(ID), uses=[used(row, Use.NULL_TEST)])).outcome is Outcome.DENY


def writing(source: str, target: str, table: str = "customers", **more: str) -> Outcome:
    use = ColumnUse(column(source), Use.WRITE, "UPDATE", column(target, table, **more))
    return ask(update(use), WRITING).outcome


def test_a_value_may_only_be_written_where_its_labels_are() -> None:
    assert writing("email", "email") is Outcome.ALLOW
    assert writing("email", "contact", "orders") is Outcome.ALLOW
    assert writing("email", "name") is Outcome.DENY
    assert writing("email", "ssn") is Outcome.DENY
    assert writing("id", "name") is Outcome.ALLOW


def test_the_refused_write_is_explained() -> None:
    found = refusal(ask(update(ColumnUse(SSN, Use.WRITE, "UPDATE", NAME)), WRITING))
    assert found.message.endswith(
        "column shop.customers.ssn (pii.ssn) may not be written to column shop.customers.name"
    )
    assert "nothing masks it" in found.detail
    assert "labelled pii.ssn" in found.hint
    assert ("target", "shop.customers.name") in found.facts


def test_a_new_column_is_labelled_by_the_patterns() -> None:
    assert writing("ssn", "ssn", "copy") is Outcome.ALLOW
    assert writing("ssn", "number", "copy") is Outcome.DENY
    assert writing("ssn", "ssn", "copy", schema="") is Outcome.DENY


def test_an_unknown_target_and_a_derived_source_are_refused() -> None:
    assert ask(update(ColumnUse(SSN, Use.WRITE, "INSERT")), WRITING).outcome is Outcome.DENY
    hint = column("hint", "orders")
    assert LABELLING[hint].derived
    assert ask(update(ColumnUse(hint, Use.WRITE, "UPDATE", EMAIL)), WRITING).outcome is Outcome.DENY


def test_a_known_target_is_judged_by_its_own_labels_and_not_by_its_name() -> None:
    labelling = {**LABELLING, column("ssn", "odd"): ColumnLabels(frozenset())}
    use = ColumnUse(SSN, Use.WRITE, "UPDATE", column("ssn", "odd"))
    assert ask(update(use), WRITING, labelling=labelling).outcome is Outcome.DENY


def test_being_written_is_not_a_refused_use() -> None:
    assert ask(update(used(CARD, Use.WRITTEN), used(STATUS, Use.WRITTEN)), WRITING).outcome is Outcome.ALLOW
