from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.model import (
    Analysis,
    Constant,
    Decision,
    Effect,
    Mask,
    Opaque,
    Outcome,
    RelationRef,
    Setting,
    TransactionVerb,
    Use,
)
from pgmaskproxy.policy.rules import Policy
from tests.policy.shop import (
    AGENT,
    CARD,
    CUSTOMERS,
    EMAIL,
    FRAUD,
    ID,
    LABELLING,
    LABELS,
    NAME,
    ORDERS,
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
    with_rules,
)

WRITING = policy(LABELS + READS + WRITES)
HOLD = "decide: hold, approvers: {groups: [dba]}"


def test_a_read_comes_back_masked() -> None:
    found = ask(select(bare(ID), bare(SSN), bare(EMAIL)), principal=SUPPORT)
    assert found == Decision(
        outcome=Outcome.ALLOW,
        rules=found.rules,
        reason="allowed by reads",
        masks=(None, Mask("redact", "pii.ssn"), None),
        cleared=(EMAIL,),
        labels=("pii.email", "pii.ssn"),
        scrub=True,
        policy_version=policy().version,
    )
    assert [rule.id for rule in found.rules] == ["reads"]


def test_a_refusal_is_there_exactly_when_it_is_denied() -> None:
    held = ask(select(bare(ID)), with_rules(f"{{id: h, effects: [READ], {HOLD}}}"))
    assert (held.outcome, held.refusal, held.reason) == (Outcome.HOLD, None, "held by h")
    denied = ask(update())
    assert denied.refusal is not None
    assert denied.reason == denied.refusal.message
    assert (denied.masks, denied.terms) == ((), ())


@pytest.mark.parametrize(
    ("analysis", "scrub"),
    [
        (select(bare(STATUS), reads=[RelationRef("shop", "products")]), False),
        (select(bare(ID)), True),
        (select(Constant(), reads=()), False),
        (select(bare(STATUS), reads=[ORDERS]), True),
        (update(relation=RelationRef("shop", "products")), True),
        (select(reads=(), opaque="?"), True),
        (select(reads=(), effects=frozenset({Effect.ROUTINE})), True),
        (Analysis("TransactionStmt", frozenset({Effect.TRANSACTION}), transaction=TransactionVerb.ROLLBACK), False),
        (Analysis("TransactionStmt", frozenset({Effect.TRANSACTION}), transaction=TransactionVerb.COMMIT), True),
    ],
)
def test_errors_are_scrubbed_where_they_could_quote_a_value(analysis: Analysis, *, scrub: bool) -> None:
    assert ask(analysis, WRITING).scrub is scrub
    assert ask(analysis, WRITING, FRAUD).scrub is scrub


def test_settings_are_judged_whatever_rules_say() -> None:
    rules = with_rules("{id: a, effects: [SESSION, READ], decide: allow}")
    for name, sqlstate in (("role", "42501"), ("pgmaskproxy.x", "42704"), ("enable_seqscan", "42501")):
        changed = Analysis(
            "VariableSetStmt", frozenset({Effect.SESSION}), settings=(Setting("search_path", "a"), Setting(name, "x"))
        )
        assert refusal(ask(changed, rules)).sqlstate == sqlstate
    unknown = select(
        Constant(),
        reads=(),
        effects=frozenset({Effect.SESSION}),
        settings=(Setting("search_path", None, constant=False),),
    )
    assert refusal(ask(unknown, rules)).sqlstate == "42501"


@pytest.mark.parametrize(
    "analysis",
    [select(Opaque("row_to_json")), select(bare(ID), opaque="too deep"), select(bare(column("x", schema="")))],
)
def test_an_output_of_unknown_origin_over_labelled_columns_is_refused(analysis: Analysis) -> None:
    found = refusal(ask(analysis))
    assert found.sqlstate == "42501"
    assert found.table == "customers"
    assert "cannot prove what this statement shows" in found.message


def test_an_output_of_unknown_origin_elsewhere_is_refused_too() -> None:
    assert refusal(ask(select(Opaque("?"), reads=()))).sqlstate == "0A000"
    assert refusal(ask(select(Opaque("?"), reads=[RelationRef("shop", "products")]))).sqlstate == "0A000"


def test_a_routine_that_a_rule_names_runs_and_shows_null() -> None:
    rules = with_rules('{id: a, effects: [READ, ROUTINE], functions: ["shop.total"], decide: allow}')
    both = frozenset({Effect.READ, Effect.ROUTINE})
    call = select(
        Opaque("shop.total"), effects=both, functions=frozenset({"shop.total"}), reads=[RelationRef("shop", "products")]
    )
    found = ask(call, rules)
    assert (found.outcome, found.masks) == (Outcome.ALLOW, (Mask("null", ""),))
    assert ask(call).outcome is Outcome.DENY
    lost = dataclasses.replace(call, reads=frozenset({RelationRef("", "gone")}))
    held = with_rules(f"{{id: h, effects: [READ, ROUTINE], {HOLD}}}")
    assert ask(call, held).outcome is Outcome.HOLD
    assert ask(lost, held).outcome is Outcome.DENY
    over_labelled = dataclasses.replace(call, reads=frozenset({CUSTOMERS}))
    assert ask(over_labelled, rules).outcome is Outcome.DENY


def test_a_masked_column_may_not_share_an_output_with_the_statements_own_values() -> None:
    for source in (SSN, EMAIL, CARD):
        found = refusal(ask(select(bare(source, pure=False))))
        assert (found.sqlstate, found.column) == ("42501", source.column)
        assert "may not be mixed" in found.message
    assert ask(select(bare(ID, pure=False))).outcome is Outcome.ALLOW
    assert ask(select(bare(EMAIL, pure=False)), principal=SUPPORT).outcome is Outcome.ALLOW


def test_returning_what_was_written_is_masked_and_not_refused() -> None:
    written = (used(EMAIL, Use.WRITTEN), used(SSN, Use.WRITTEN))
    returning = update(
        *written, outputs=(bare(EMAIL, pure=False), bare(SSN, pure=False), bare(CARD)), kind="InsertStmt"
    )
    found = ask(returning, WRITING)
    assert found.masks == (
        Mask("null", "pii.email"),
        Mask("redact", "pii.ssn"),
        Mask("partial", "pii.card", (("last", 4),)),
    )


def test_what_is_refused_because_it_is_unknown_says_so_to_the_session() -> None:
    """The server's own error about a wrong statement is the better answer."""
    lost = select(reads=[RelationRef("", "gone")])
    for analysis in (lost, Analysis("StrangeStmt", frozenset({Effect.UNKNOWN})), select(Opaque("?"))):
        assert refusal(ask(analysis)).unproven
    assert not refusal(ask(select(bare(ID), uses=[used(SSN, Use.PREDICATE)]))).unproven
    assert not refusal(ask(update())).unproven


def test_what_a_person_released_may_be_unknown_and_is_null() -> None:
    rules = with_rules(f"{{id: u, effects: [READ, UNKNOWN], {HOLD}}}")
    found = ask(select(Opaque("?"), effects=frozenset({Effect.READ, Effect.UNKNOWN})), rules)
    assert (found.outcome, found.masks) == (Outcome.HOLD, (Mask("null", ""),))


def test_unknown_statements_say_so() -> None:
    assert refusal(ask(Analysis("StrangeStmt", frozenset({Effect.UNKNOWN})))).sqlstate == "0A000"


def test_explain_over_labelled_relations_is_refused() -> None:
    explain = select(kind="ExplainStmt", outputs=None)
    assert "EXPLAIN" in refusal(ask(explain)).message
    assert ask(explain, principal=FRAUD).outcome is Outcome.DENY
    assert ask(dataclasses.replace(explain, reads=frozenset({ORDERS})), principal=FRAUD).outcome is Outcome.ALLOW
    clean = dataclasses.replace(explain, reads=frozenset({RelationRef("shop", "products")}))
    assert ask(clean).masks == (None,)


def test_a_copy_of_labelled_columns_needs_an_export_rule() -> None:
    copy = update(used(SSN, Use.WRITE, "INSERT", target=column("ssn", "archive")), kind="InsertStmt")
    denied = ask(copy, WRITING)
    assert "no rule allows EXPORT" in refusal(denied).message
    rules = policy(LABELS + READS + WRITES + f"  - {{id: x, effects: [EXPORT], {HOLD}}}\n")
    assert ask(copy, rules).outcome is Outcome.HOLD


def test_reasons_come_in_a_fixed_order() -> None:
    lost = RelationRef("", "gone")
    wrong = select(
        Opaque("?"),
        uses=[used(SSN, Use.PREDICATE)],
        reads=[CUSTOMERS, lost, RelationRef("hr", "x")],
        settings=(Setting("role", "x"),),
    )
    rules = policy(LABELS + READS + "  - {id: d, effects: [READ], relations: [shop.customers], decide: deny}\n")
    said = [refusal(ask(wrong, rules)).message]
    wrong = dataclasses.replace(wrong, settings=())
    said.append(refusal(ask(wrong, rules)).message)
    wrong = dataclasses.replace(wrong, reads=wrong.reads - {lost})
    said.append(refusal(ask(wrong, rules)).message)
    said.append(refusal(ask(wrong)).message)
    wrong = dataclasses.replace(wrong, reads=frozenset({CUSTOMERS}))
    said.append(refusal(ask(wrong)).message)
    said.append(refusal(ask(dataclasses.replace(wrong, uses=()))).message)
    for part, message in zip(
        ("set", "does not exist", "READ is refused", "hr.x", "WHERE", "cannot prove"), said, strict=True
    ):
        assert part in message


# -- properties ----------------------------------------------------------------------------------------------

RULES = st.lists(
    st.tuples(
        st.lists(
            st.sampled_from([effect.value for effect in Effect if effect is not Effect.UNKNOWN]),
            min_size=1,
            max_size=3,
            unique=True,
        ),
        st.sampled_from(
            [
                "",
                'relations: ["shop.*"],',
                "relations: [shop.orders],",
                'labels: ["pii.*"],',
                'who: ["group:agents"],',
                'database: ["x*"],',
            ]
        ),
        st.sampled_from(["allow", "hold, approvers: {groups: [dba]}", "deny"]),
    ),
    max_size=6,
)
COLUMNS = st.sampled_from([ID, NAME, SSN, EMAIL, CARD, STATUS, column("contact", "orders"), column("hint", "orders")])
ORIGINS = st.one_of(
    st.builds(bare, COLUMNS, pure=st.booleans()),
    st.builds(bare, COLUMNS, COLUMNS, pure=st.booleans()),
    st.builds(Constant, st.frozensets(COLUMNS, max_size=2)),
    st.just(Opaque("?")),
)
RELATIONS = st.frozensets(
    st.sampled_from([CUSTOMERS, ORDERS, RelationRef("shop", "products"), RelationRef("", "lost")]), max_size=3
)
ANALYSES = st.builds(
    Analysis,
    kind=st.sampled_from(["SelectStmt", "UpdateStmt", "ExplainStmt", "VariableSetStmt"]),
    effects=st.frozensets(st.sampled_from(list(Effect)), max_size=3),
    reads=RELATIONS,
    writes=RELATIONS,
    outputs=st.none() | st.lists(ORIGINS, max_size=3).map(tuple),
    uses=st.lists(st.builds(used, COLUMNS, st.sampled_from(list(Use)), target=st.none() | COLUMNS), max_size=3).map(
        tuple
    ),
    opaque=st.sampled_from(["", "", "?"]),
    without_where=st.booleans(),
)
PRINCIPALS = st.sampled_from([AGENT, SUPPORT, FRAUD])


def made(rules: list[tuple[list[str], str, str]]) -> Policy:
    lines = [
        f"{{id: r{index}, effects: [{', '.join(effects)}], {more} decide: {decide}}}"
        for index, (effects, more, decide) in enumerate(rules)
    ]
    return with_rules(*lines) if lines else policy(LABELS)


@given(RULES, ANALYSES, PRINCIPALS, st.randoms(use_true_random=False))
def test_order_never_matters(
    rules: list[tuple[list[str], str, str]], analysis: Analysis, principal: object, shuffle: random.Random
) -> None:
    assert isinstance(principal, type(AGENT))
    one = made(rules)
    mixed, labels = [*one.rules], [*one.labels.items()]
    shuffle.shuffle(mixed)
    shuffle.shuffle(labels)
    labelling = [*LABELLING.items()]
    shuffle.shuffle(labelling)
    other = dataclasses.replace(one, rules=tuple(mixed), labels=dict(labels))
    assert ask(analysis, one, principal) == ask(analysis, other, principal, dict(labelling))


@given(RULES, ANALYSES)
def test_nothing_runs_with_a_deny_rule_or_without_cover_and_nothing_secret_is_clear(
    rules: list[tuple[list[str], str, str]], analysis: Analysis
) -> None:
    found = ask(analysis, made(rules))
    assert (found.refusal is not None) == (found.outcome is Outcome.DENY)
    assert bool(found.terms) == (found.outcome is Outcome.HOLD)
    if found.outcome is Outcome.DENY:
        return
    assert "deny" not in [
        decide for effects, more, decide in rules if not more and set(effects) & {e.value for e in analysis.effects}
    ]
    for origin, mask in zip(analysis.outputs or (), found.masks or (), strict=False):
        if analysis.kind == "ExplainStmt":
            break
        if isinstance(origin, Opaque) or (not isinstance(origin, Constant) and origin.columns & set(LABELLING)):
            assert mask is not None
    for use in analysis.uses:
        if use.column in LABELLING and use.use in {Use.EXPRESSION, Use.PREDICATE, Use.ORDERING, Use.JOIN}:
            pytest.fail(f"{use} was allowed")


@given(RULES, ANALYSES)
def test_an_added_deny_rule_never_allows_more(rules: list[tuple[list[str], str, str]], analysis: Analysis) -> None:
    rank = [Outcome.ALLOW, Outcome.HOLD, Outcome.DENY]
    before = ask(analysis, made(rules)).outcome
    after = ask(analysis, made([*rules, (["READ", "WRITE"], "", "deny")])).outcome
    assert rank.index(after) >= rank.index(before)
