from __future__ import annotations

import dataclasses

import pytest

from pgmaskproxy.model import (
    Analysis,
    ColumnOrigin,
    ColumnRef,
    ColumnUse,
    Constant,
    Effect,
    Opaque,
    Outcome,
    RelationRef,
    RuleRef,
    Setting,
    TransactionVerb,
    Use,
)
from pgmaskproxy.policy.coverage import BUILTIN, Need, needs
from tests.policy.shop import (
    AGENT,
    CUSTOMERS,
    EMAIL,
    ID,
    NAME,
    ORDERS,
    SSN,
    STATUS,
    SUPPORT,
    ask,
    bare,
    facts,
    refusal,
    select,
    update,
    used,
    with_rules,
)

HOLD = "decide: hold, approvers: {groups: [dba]}"
READ = Effect.READ


def ids(refs: tuple[RuleRef, ...]) -> list[str]:
    return [ref.id for ref in refs]


def session(**more: object) -> Analysis:
    return dataclasses.replace(Analysis("VariableSetStmt", frozenset({Effect.SESSION})), **more)  # type: ignore[arg-type]


def test_each_effect_needs_its_own_relations() -> None:
    both = Analysis(
        "InsertStmt", frozenset({READ, Effect.WRITE, Effect.DDL}), frozenset({CUSTOMERS}), frozenset({ORDERS})
    )
    assert {str(need) for need in needs(facts(both))} == {
        "DDL on shop.customers",
        "DDL on shop.orders",
        "READ on shop.customers",
        "WRITE on shop.orders",
    }


def test_an_effect_without_relations_is_alone_and_routines_have_their_names() -> None:
    assert needs(facts(select(reads=()))) == (Need(READ),)
    call = select(
        reads=(), effects=frozenset({Effect.ROUTINE}), functions=frozenset({"pg_catalog.lower", "shop.f", "g"})
    )
    assert [str(need) for need in needs(facts(call))] == ["ROUTINE g", "ROUTINE shop.f"]
    assert [str(need) for need in needs(facts(Analysis("DoStmt", frozenset({Effect.ROUTINE}))))] == ["ROUTINE"]


def test_everything_must_be_covered() -> None:
    rules = with_rules("{id: r, effects: [READ], relations: [shop.customers], decide: allow}")
    assert ask(select(bare(ID)), rules).outcome is Outcome.ALLOW
    denied = ask(select(bare(ID), reads=(CUSTOMERS, ORDERS)), rules)
    assert denied.outcome is Outcome.DENY
    assert refusal(denied).sqlstate == "42501"
    assert "no rule allows READ on shop.orders" in refusal(denied).message
    assert ("relation", "shop.orders") in refusal(denied).facts
    assert (refusal(denied).schema, refusal(denied).table) == ("shop", "orders")
    assert ask(update(), rules).outcome is Outcome.DENY


def test_no_rules_deny_all_but_the_session_itself() -> None:
    rules = with_rules("{id: r, effects: [DDL], decide: deny}")
    assert ask(select(bare(ID)), rules).outcome is Outcome.DENY
    assert ask(select(reads=()), rules).outcome is Outcome.DENY
    allowed = ask(session(settings=(Setting("search_path", "shop"),)), rules)
    assert (allowed.outcome, allowed.rules) == (Outcome.ALLOW, (BUILTIN,))
    assert ask(Analysis("", frozenset()), rules).outcome is Outcome.ALLOW


def test_deny_beats_hold_beats_allow() -> None:
    allow = "{id: a, effects: [READ], decide: allow}"
    hold = f"{{id: h, effects: [READ], {HOLD}}}"
    deny = "{id: d, effects: [READ], relations: [shop.customers], decide: deny, message: no}"
    assert ask(select(bare(ID)), with_rules(allow)).outcome is Outcome.ALLOW
    held = ask(select(bare(ID)), with_rules(allow, hold))
    assert (held.outcome, ids(held.rules), held.refusal) == (Outcome.HOLD, ["h"], None)
    denied = ask(select(bare(ID)), with_rules(allow, hold, deny))
    assert (denied.outcome, ids(denied.rules)) == (Outcome.DENY, ["d"])
    assert refusal(denied).message == "permission denied by policy: no"
    assert refusal(denied).rule == denied.rules[0]


def test_holds_add_up() -> None:
    rules = with_rules(
        f"{{id: one, effects: [READ], {HOLD}}}",
        "{id: two, effects: [READ], decide: hold, approvers: {steps: [{group: a}, {group: b}]}}",
        "{id: three, effects: [WRITE], decide: hold, approvers: {groups: [c]}}",
    )
    assert [term.groups for term in ask(select(bare(ID)), rules).terms] == [("dba",), ("a",), ("b",)]


def test_a_hold_covers() -> None:
    assert ask(select(bare(ID)), with_rules(f"{{id: h, effects: [READ], {HOLD}}}")).outcome is Outcome.HOLD


@pytest.mark.parametrize("decide", ["decide: allow", HOLD, "decide: deny"])
def test_conditions_on_who_and_where(decide: str) -> None:
    rules = with_rules(f'{{id: r, effects: [READ], who: ["group:agents"], database: ["sh*"], {decide}}}')
    analysis = select(bare(ID))
    assert ids(ask(analysis, rules, AGENT).rules) == ["r"]
    assert ids(ask(analysis, rules, SUPPORT).rules) == []
    assert ids(ask(analysis, rules, AGENT, database="other").rules) == []


def test_without_where() -> None:
    rules = with_rules(
        "{id: w, effects: [WRITE, READ], decide: allow}", f"{{id: all, effects: [WRITE], without_where: true, {HOLD}}}"
    )
    change = update(used(STATUS, Use.WRITTEN), relation=ORDERS)
    assert ask(change, rules).outcome is Outcome.ALLOW
    assert ids(ask(dataclasses.replace(change, without_where=True), rules).rules) == ["all"]


def test_a_hold_or_deny_by_label_takes_any_of_them() -> None:
    rules = with_rules(
        "{id: w, effects: [WRITE, READ], decide: allow}", f'{{id: pii, effects: [WRITE], labels: ["pii.ssn"], {HOLD}}}'
    )
    assert ids(ask(update(used(SSN, Use.WRITTEN), used(NAME, Use.WRITTEN)), rules).rules) == ["pii"]
    assert ids(ask(update(used(NAME, Use.WRITTEN)), rules).rules) == ["w"]
    # Only what is written counts for WRITE, not what RETURNING shows.
    assert ids(ask(update(used(NAME, Use.WRITTEN), outputs=(bare(SSN),)), rules).rules) == ["w"]


@pytest.mark.parametrize("kind", ["TruncateStmt", "CopyStmt", "LockStmt", "SelectStmt"])
def test_a_write_that_names_no_column_may_be_to_any(kind: str) -> None:
    rules = with_rules(
        "{id: w, effects: [WRITE], decide: allow}", f'{{id: pii, effects: [WRITE], labels: ["pii.ssn"], {HOLD}}}'
    )
    assert ids(ask(update(kind=kind), rules).rules) == ["pii"]
    assert ids(ask(update(kind="DeleteStmt"), rules).rules) == ["w"]


def test_an_allow_by_label_takes_only_those() -> None:
    rules = with_rules('{id: r, effects: [READ], labels: ["pii.ssn"], decide: allow}')
    assert ask(select(bare(SSN)), rules).outcome is Outcome.ALLOW
    assert ask(select(bare(SSN), bare(STATUS), reads=(CUSTOMERS, ORDERS)), rules).outcome is Outcome.DENY
    assert ask(select(bare(SSN), bare(EMAIL)), rules).outcome is Outcome.DENY
    assert ask(select(bare(ID)), rules).outcome is Outcome.DENY


def test_what_is_opaque_may_touch_every_label_of_its_relations() -> None:
    rules = with_rules(
        "{id: r, effects: [READ], decide: allow}", '{id: d, effects: [READ], labels: ["pii.card"], decide: deny}'
    )
    assert ids(ask(select(Opaque("?")), rules).rules) == ["d"]


def test_a_column_of_a_relation_not_listed_counts() -> None:
    rules = with_rules(
        "{id: r, effects: [READ], decide: allow}", '{id: d, effects: [READ], labels: ["pii.ssn"], decide: deny}'
    )
    assert ids(ask(select(bare(SSN), reads=(ORDERS,)), rules).rules) == ["d"]


def test_a_name_that_did_not_resolve_is_never_allowed() -> None:
    lost = RelationRef("", "customers")
    allow = "{id: a, effects: [READ, WRITE], decide: allow}"
    for analysis in (select(reads=(lost,)), update(relation=lost)):
        denied = ask(analysis, with_rules(allow))
        assert denied.outcome is Outcome.DENY
        assert refusal(denied).sqlstate == "42P01"
        assert refusal(denied).message == 'relation "customers" does not exist'
    deny = "{id: d, effects: [READ], relations: [hr.customers], decide: deny}"
    hold = f'{{id: h, effects: [READ], relations: ["hr.cust*"], {HOLD}}}'
    assert ids(ask(select(reads=(lost,)), with_rules(allow, hold, deny)).rules) == ["d"]
    assert ask(select(reads=(lost,)), with_rules(hold)).outcome is Outcome.HOLD


def test_a_wildcard_does_not_reach_what_reveals() -> None:
    stats = RelationRef("pg_catalog", "pg_stats")
    for relations in ("", 'relations: ["*.*"],', 'relations: ["pg_catalog.*"],', 'relations: ["*.pg_stats"],'):
        rules = with_rules(f"{{id: a, effects: [READ], {relations} decide: allow}}")
        assert ask(select(reads=(stats,)), rules).outcome is Outcome.DENY
    named = with_rules("{id: a, effects: [READ], relations: [pg_catalog.pg_stats], decide: allow}")
    assert ask(select(reads=(stats,)), named).outcome is Outcome.ALLOW
    settings = update(relation=RelationRef("pg_catalog", "pg_settings"))
    assert ask(settings, with_rules("{id: a, effects: [WRITE, READ], decide: allow}")).outcome is Outcome.DENY


def test_select_1_reads_nothing_but_nextval_writes_something() -> None:
    rules = with_rules('{id: a, effects: [READ, WRITE], relations: ["shop.*"], decide: allow}')
    assert ask(select(reads=()), rules).outcome is Outcome.ALLOW
    assert ask(select(reads=(), effects=frozenset({READ, Effect.WRITE})), rules).outcome is Outcome.DENY


def test_functions_are_allowed_by_name() -> None:
    rules = with_rules(
        '{id: a, effects: [READ, ROUTINE], relations: ["shop.*"], functions: ["shop.total*"], decide: allow}'
    )

    def calling(*functions: str) -> Outcome:
        return ask(
            select(effects=frozenset({READ, Effect.ROUTINE}), reads=(), functions=frozenset(functions)), rules
        ).outcome

    assert calling("shop.total", "pg_catalog.lower") is Outcome.ALLOW
    assert calling("shop.total", "shop.other") is Outcome.DENY
    assert calling("total") is Outcome.DENY
    assert calling() is Outcome.DENY
    assert ask(Analysis("DoStmt", frozenset({Effect.ROUTINE})), rules).outcome is Outcome.DENY


def test_functions_are_denied_by_name() -> None:
    rules = with_rules(
        "{id: a, effects: [READ, ROUTINE], decide: allow}",
        '{id: d, effects: [READ], functions: ["pg_catalog.pg_sleep", "shop.bad"], decide: deny}',
    )
    for function, outcome in (
        ("pg_catalog.pg_sleep", Outcome.DENY),
        ("bad", Outcome.DENY),
        ("shop.good", Outcome.ALLOW),
    ):
        assert ask(select(bare(ID), functions=frozenset({function})), rules).outcome is outcome


def test_transactions_are_built_in_unless_a_rule_says_otherwise() -> None:
    begin = Analysis("TransactionStmt", frozenset({Effect.TRANSACTION}), transaction=TransactionVerb.BEGIN)
    assert ask(begin).outcome is Outcome.ALLOW
    assert ask(begin, with_rules("{id: d, effects: [TRANSACTION], decide: deny}")).outcome is Outcome.DENY
    assert ask(begin, with_rules(f"{{id: h, effects: [TRANSACTION], {HOLD}}}")).outcome is Outcome.HOLD


def test_two_phase_commit_is_not_built_in() -> None:
    prepare = Analysis("TransactionStmt", frozenset({Effect.TRANSACTION}), transaction=TransactionVerb.PREPARED)
    assert ask(prepare).outcome is Outcome.DENY
    assert ask(prepare, with_rules("{id: a, effects: [TRANSACTION], decide: allow}")).outcome is Outcome.ALLOW


FEED = '{id: feed, effects: [ADMIN], channels: ["orders_*", other], decide: allow}'


@pytest.mark.parametrize("kind", ["ListenStmt", "NotifyStmt"])
@pytest.mark.parametrize(
    ("rule", "channel", "outcome"),
    [
        (FEED, "orders_new", Outcome.ALLOW),
        (FEED, "other", Outcome.ALLOW),
        (FEED, "Orders_new", Outcome.DENY),
        (FEED, "others", Outcome.DENY),
        ("{id: a, effects: [ADMIN], decide: allow}", "orders_new", Outcome.DENY),
        (f"{{id: a, effects: [ADMIN], {HOLD}}}", "orders_new", Outcome.HOLD),
        (f'{{id: a, effects: [ADMIN], channels: ["x"], {HOLD}}}', "orders_new", Outcome.DENY),
    ],
)
def test_channels(kind: str, rule: str, channel: str, outcome: Outcome) -> None:
    assert ask(Analysis(kind, frozenset({Effect.ADMIN}), channel=channel), with_rules(rule)).outcome is outcome


def test_a_deny_rule_keeps_a_channel_out_of_an_allow_rule() -> None:
    rules = with_rules(FEED, '{id: no, effects: [ADMIN], channels: ["*_secret"], decide: deny}')
    for channel, outcome in (("orders_new", Outcome.ALLOW), ("orders_secret", Outcome.DENY)):
        assert ask(Analysis("ListenStmt", frozenset({Effect.ADMIN}), channel=channel), rules).outcome is outcome


def test_a_rule_about_channels_is_about_nothing_else() -> None:
    assert ask(Analysis("CheckPointStmt", frozenset({Effect.ADMIN})), with_rules(FEED)).outcome is Outcome.DENY


@pytest.mark.parametrize("kind", ["ListenStmt", "NotifyStmt", "LoadStmt", "SelectStmt"])
def test_session_effects_that_are_not_built_in(kind: str) -> None:
    assert ask(Analysis(kind, frozenset({Effect.SESSION}))).outcome is Outcome.DENY
    assert (
        ask(
            Analysis(kind, frozenset({Effect.SESSION})), with_rules("{id: a, effects: [SESSION], decide: allow}")
        ).outcome
        is Outcome.ALLOW
    )


def test_a_catalog_with_a_secret_column_is_read_without_it() -> None:
    servers = RelationRef("pg_catalog", "pg_foreign_server")
    name, options = (ColumnRef("pg_catalog", "pg_foreign_server", column) for column in ("srvname", "srvoptions"))
    rules = with_rules('{id: r, effects: [READ], relations: ["*.*"], decide: allow}')

    def asked(*uses: ColumnUse, outputs: tuple[ColumnOrigin, ...] = (Constant(),), opaque: str = "") -> Outcome:
        effects = frozenset({Effect.READ})
        analysis = Analysis("SelectStmt", effects, frozenset({servers}), outputs=outputs, uses=uses, opaque=opaque)
        return ask(analysis, rules).outcome

    assert asked() is Outcome.ALLOW
    assert asked(used(name, Use.PREDICATE), outputs=(bare(name),)) is Outcome.ALLOW
    assert asked(outputs=(bare(options),)) is Outcome.DENY
    assert asked(outputs=(Constant(frozenset({options})),)) is Outcome.DENY
    assert asked(used(options, Use.NULL_TEST)) is Outcome.DENY
    assert asked(outputs=(bare(ColumnRef("pg_catalog", "pg_foreign_server", "*")),)) is Outcome.DENY
    assert asked(opaque="something") is Outcome.DENY
    exact = with_rules('{id: r, effects: [READ], relations: ["pg_catalog.pg_foreign_server"], decide: allow}')
    shown = Analysis("SelectStmt", frozenset({Effect.READ}), frozenset({servers}), outputs=(bare(options),))
    assert ask(shown, exact).outcome is Outcome.ALLOW
