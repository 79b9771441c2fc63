from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.model import (
    NULL_MASK,
    ROW,
    Analysis,
    ColumnLabels,
    ColumnOrigin,
    ColumnRef,
    Columns,
    Constant,
    Effect,
    Mask,
    Opaque,
    Principal,
    Use,
)
from pgmaskproxy.policy.facts import touched
from pgmaskproxy.policy.outputs import Outputs, column_mask, judge_outputs, strongest_mask, visibility
from pgmaskproxy.policy.rules import DETERMINISTIC, STRENGTH, Policy
from tests.policy.shop import (
    AGENT,
    CARD,
    EMAIL,
    FRAUD,
    ID,
    LABELLING,
    NAME,
    SSN,
    SUPPORT,
    bare,
    column,
    facts,
    policy,
    select,
    update,
    used,
)

REDACT = Mask("redact", "pii.ssn")
EMAILED = Mask("email", "pii.email")
PARTIAL = Mask("partial", "pii.card", (("last", 4),))
CONTACT = column("contact", "orders")
HINT = column("hint", "orders")


def judged(
    *outputs: ColumnOrigin, principal: Principal = AGENT, uses: tuple[tuple[ColumnRef, Use], ...] = ()
) -> Outputs:
    return judge_outputs(facts(select(*outputs, uses=[used(*use) for use in uses]), principal=principal))


def mask(
    origin: ColumnOrigin, principal: Principal = AGENT, uses: tuple[tuple[ColumnRef, Use], ...] = ()
) -> Mask | None:
    masks = judged(origin, principal=principal, uses=uses).masks
    assert masks is not None
    return masks[0]


def test_a_bare_column_wears_its_labels_mask() -> None:
    assert judged(bare(ID), bare(SSN), bare(EMAIL), bare(CARD)).masks == (None, REDACT, EMAILED, PARTIAL)


def test_the_strongest_of_several_labels_wins() -> None:
    assert mask(bare(CONTACT)) == REDACT


def test_only_who_is_cleared_for_all_labels_sees_it() -> None:
    assert judged(bare(EMAIL), bare(CONTACT), principal=SUPPORT) == Outputs((None, REDACT), (EMAIL,))
    assert judged(bare(EMAIL), bare(CONTACT), bare(ID), principal=FRAUD) == Outputs(
        (None, None, None), (EMAIL, CONTACT)
    )


def test_what_is_derived_is_null() -> None:
    assert mask(bare(HINT)) == Mask("null", "pii.email")
    assert mask(bare(HINT), SUPPORT) is None


def test_columns_of_different_masks_are_null() -> None:
    assert mask(bare(SSN, EMAIL)) == NULL_MASK
    assert mask(bare(SSN, NAME)) == NULL_MASK
    assert mask(bare(EMAIL, SSN), SUPPORT) == NULL_MASK
    assert mask(bare(SSN, CONTACT)) == REDACT
    assert mask(bare(ID, NAME)) is None


def test_a_whole_row_is_null() -> None:
    assert mask(bare(column(""))) == Mask("null", "pii.ssn")
    assert mask(bare(column("*"))) == Mask("null", "pii.ssn")
    assert mask(bare(ID, NAME, SSN, EMAIL, CARD)) == NULL_MASK


def row(*columns: ColumnRef) -> Columns:
    return Columns(frozenset(columns), whole=True, row=columns)


def test_a_relations_row_is_masked_field_by_field() -> None:
    fields = (("2", REDACT), ("3", EMAILED))
    assert mask(row(ID, SSN, EMAIL)) == Mask(ROW, "", (("columns", 3), ("fields", fields)))
    assert mask(row(ID, NAME)) is None


def test_what_may_be_another_row_is_null_unless_nothing_is_masked() -> None:
    assert mask(replace(row(ID, SSN), row=())) == NULL_MASK
    assert mask(replace(row(EMAIL), row=())) == NULL_MASK  # not even where one mask would do for all of it
    assert mask(replace(row(ID, NAME), row=())) is None
    assert mask(row(ID, column("x", schema=""))) == NULL_MASK


def test_in_a_row_what_the_statement_writes_is_a_code_book_too() -> None:
    fields = (("2", REDACT), ("3", Mask("null", "pii.email")))
    uses = ((EMAIL, Use.WRITTEN), (SSN, Use.WRITTEN))
    assert mask(row(ID, SSN, EMAIL), uses=uses) == Mask(ROW, "", (("columns", 3), ("fields", fields)))


@pytest.mark.parametrize(
    ("source", "wanted"),
    [(SSN, REDACT), (EMAIL, Mask("null", "pii.email")), (CARD, Mask("null", "pii.card")), (ID, None)],
)
def test_a_deterministic_mask_needs_a_pure_output(source: ColumnRef, wanted: Mask | None) -> None:
    assert mask(bare(source, pure=False)) == wanted


def test_a_deterministic_mask_is_one_labels_own() -> None:
    names = (("email", "customers"), ("contact", "orders"))
    labels = "".join(f'  {name}: {{columns: ["shop.{table}.{name}"], mask: {{kind: hash}}}}\n' for name, table in names)
    two = policy(f"labels:\n{labels}rules:\n  - {{id: reads, effects: [READ], decide: allow}}\n")
    labelling = {column(name, table): ColumnLabels(frozenset({name})) for name, table in names}

    def masked(*columns: ColumnRef) -> Mask | None:
        touched_by = touched(two, AGENT, select(bare(*columns)), labelling)
        masks = judge_outputs(touched_by).masks
        assert masks is not None
        return masks[0]

    assert masked(EMAIL) == Mask("hash", "email")
    assert masked(EMAIL, CONTACT) == NULL_MASK


def test_a_deterministic_mask_of_a_written_column_is_a_code_book() -> None:
    assert mask(bare(EMAIL), uses=((EMAIL, Use.WRITTEN),)) == Mask("null", "pii.email")
    assert mask(bare(SSN), uses=((SSN, Use.WRITTEN),)) == REDACT
    assert mask(bare(EMAIL), uses=((CARD, Use.WRITTEN),)) == EMAILED


@pytest.mark.parametrize(
    "origin",
    [Opaque("?"), Columns(frozenset()), bare(column("x", schema="")), Constant(frozenset({column("x", schema="")}))],
)
def test_what_is_not_known_is_null(origin: ColumnOrigin) -> None:
    assert mask(origin) == NULL_MASK
    assert mask(origin, FRAUD) == NULL_MASK


def test_an_expression_shows_a_labelled_column_only_by_a_use_that_was_judged() -> None:
    assert mask(Constant()) is None
    assert mask(Constant(frozenset({ID}))) is None
    assert mask(Constant(frozenset({EMAIL}))) == NULL_MASK
    assert mask(Constant(frozenset({EMAIL})), uses=((EMAIL, Use.WRITTEN),)) == NULL_MASK
    assert mask(Constant(frozenset({EMAIL})), uses=((EMAIL, Use.COUNT),)) == NULL_MASK
    assert mask(Constant(frozenset({EMAIL})), uses=((EMAIL, Use.EXPRESSION),)) is None
    assert mask(Constant(frozenset({EMAIL})), SUPPORT) is None


def test_what_comes_out_as_it_is_beside_something_computed_is_null() -> None:
    agreed = ((SSN, Use.PREDICATE), (SSN, Use.ORDERING), (SSN, Use.EXPRESSION))
    assert mask(Constant(frozenset({SSN, NAME}), frozenset({SSN})), uses=agreed) == NULL_MASK
    assert mask(Constant(frozenset({ID, NAME}), frozenset({ID}))) is None


def test_only_an_expression_that_was_agreed_to_shows_what_is_computed() -> None:
    computed = Constant(frozenset({SSN, NAME}))
    for use in (Use.PREDICATE, Use.ORDERING, Use.JOIN, Use.EQUALITY):
        assert mask(computed, uses=((SSN, use),)) == NULL_MASK
    assert mask(computed, uses=((SSN, Use.EXPRESSION),)) is None


def test_a_statement_without_outputs_of_its_own() -> None:
    assert judge_outputs(facts(select(outputs=None, kind="FetchStmt"))).masks is None
    assert judge_outputs(facts(select(outputs=None, kind="CallStmt"))).masks is None
    show = Analysis("VariableShowStmt", frozenset({Effect.READ}), outputs=None, canonical="SHOW search_path")
    assert judge_outputs(facts(show)).masks == (None,)
    everything = Analysis("VariableShowStmt", frozenset({Effect.READ}), outputs=None, canonical="SHOW ALL")
    assert judge_outputs(facts(everything)).masks == (None,) * 3
    explain = Analysis("ExplainStmt", frozenset({Effect.READ}), outputs=None)
    assert judge_outputs(facts(explain)).masks == (None,)
    assert judge_outputs(facts(update())).masks == ()


def test_a_label_the_policy_does_not_have_hides_everything() -> None:
    gone = ColumnLabels(frozenset({"pii.email", "gone"}))
    assert column_mask(policy(), SUPPORT, gone) == NULL_MASK
    assert column_mask(policy(), SUPPORT, ColumnLabels(frozenset({"gone"}))) == NULL_MASK
    assert column_mask(policy(), SUPPORT, ColumnLabels(frozenset())) is None


MASKS = st.builds(
    Mask,
    st.sampled_from([*STRENGTH, "later"]),
    st.sampled_from("abc"),
    st.sampled_from([(), (("last", 4),), (("last", 2),)]),
)


@given(st.data())
def test_the_strongest_mask_is_as_strong_as_any_in_whatever_order(data: st.DataObject) -> None:
    def rank(one: Mask) -> int:
        return STRENGTH.index(one.kind) if one.kind in STRENGTH else 0

    masks = data.draw(st.lists(MASKS, min_size=1, unique_by=lambda one: one.label))
    found = strongest_mask(masks)
    assert found is not None
    assert rank(found) <= min(map(rank, masks))
    if found.kind in DETERMINISTIC:
        assert {one.params for one in masks if one.kind == found.kind} == {found.params}
    assert strongest_mask(data.draw(st.permutations(masks))) == found


def test_the_servers_word_is_the_same() -> None:
    names = (ID, NAME, SSN, EMAIL, CARD, CONTACT, HINT, column("id", "products"))
    oids = {"customers": 1, "orders": 2, "products": 3}
    columns = {(oids[name.table], number): name for number, name in enumerate(names, 1)}
    found = visibility(policy(), SUPPORT, columns, frozenset({1, 2, 3}), LABELLING, 7)
    assert found.known == {1, 2, 3}
    assert found.epoch == 7
    assert found.masks == {(1, 0): NULL_MASK, (1, 3): REDACT, (1, 5): PARTIAL, (2, 0): NULL_MASK, (2, 6): REDACT}
    for key, name in columns.items():
        assert found.masks.get(key) == mask(bare(name), SUPPORT)


def test_without_labels_nothing_is_masked() -> None:
    nothing = Policy({}, ())
    assert visibility(nothing, AGENT, {(1, 1): SSN}, frozenset({1}), {}).masks == {}
