"""`transparent: true`: everything passes as it is, where there is nothing to protect, and nowhere else."""

from __future__ import annotations

import dataclasses

import pytest

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import Analysis, Decision, Effect, Opaque, Outcome, Refusal, RuleRef, Setting, Statement
from pgmaskproxy.policy.engine import decide, visibility
from pgmaskproxy.policy.facts import Labelling
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.policy.settings import Startup, check_startup
from tests.policy.shop import AGENT, HEADER, LABELLING, LABELS, READS

TEXT = HEADER + "name: conformance\ntransparent: true\n"
ANYTHING = Analysis("CopyStmt", frozenset(Effect), outputs=(Opaque("f()"),), opaque="f()")


def loaded(*texts: str) -> Policy:
    return load_policies([(f"{'ab'[index]}.yaml", text) for index, text in enumerate(texts)], kinds())


def asked(policy: Policy, analysis: Analysis, labelling: Labelling = LABELLING) -> Decision:
    return decide(policy, AGENT, Statement("X", "shop", "role", ("public",)), analysis, labelling)


def test_whatever_a_statement_does_passes_as_it_is() -> None:
    policy = loaded(TEXT)
    assert policy.transparent == RuleRef("transparent", "a.yaml", 4)
    decision = asked(policy, ANYTHING, {})
    assert (decision.outcome, decision.masks, decision.scrub, decision.transparent) == (
        Outcome.ALLOW,
        None,
        False,
        True,
    )
    assert decision.rules == (RuleRef("transparent", "a.yaml", 4),)
    assert visibility(policy, AGENT, {}, frozenset(), {}).transparent


@pytest.mark.parametrize("other", [LABELS, READS])
def test_it_has_neither_labels_nor_rules_in_any_file(other: str) -> None:
    for texts in ((TEXT + other,), (TEXT, HEADER + other), (HEADER + other, TEXT)):
        with pytest.raises(ConfigError) as caught:
            loaded(*texts)
        assert "a transparent policy passes everything" in str(caught.value.problems[0])


def test_false_is_as_if_it_were_not_there() -> None:
    policy = loaded(HEADER + "transparent: false\n" + LABELS + READS)
    assert policy.transparent is None
    assert policy.version == loaded(HEADER + LABELS + READS).version


def test_it_is_another_version() -> None:
    assert loaded(TEXT).version != loaded(HEADER + "name: conformance\n").version


def test_where_anything_is_labelled_nothing_is_transparent() -> None:
    policy = loaded(TEXT)
    assert asked(policy, ANYTHING).outcome is Outcome.DENY
    assert not visibility(policy, AGENT, {}, frozenset(), LABELLING).transparent
    for other in (loaded(HEADER + LABELS), loaded(HEADER + READS)):
        both = dataclasses.replace(other, transparent=policy.transparent)
        assert not asked(both, ANYTHING, {}).transparent
        assert not visibility(both, AGENT, {}, frozenset(), {}).transparent


def test_without_the_word_an_empty_policy_allows_nothing() -> None:
    policy = loaded(HEADER + "name: conformance\n")
    assert asked(policy, ANYTHING, {}).outcome is Outcome.DENY
    assert not visibility(policy, AGENT, {}, frozenset(), {}).transparent


@pytest.mark.parametrize(
    ("setting", "sqlstate"),
    [
        (Setting("client_encoding", "LATIN1"), "22023"),
        (Setting("Client_Encoding", "sql_ascii"), "22023"),
        (Setting("pgmaskproxy.principal", "somebody"), "42704"),
    ],
)
def test_what_the_session_rests_on_is_not_set(setting: Setting, sqlstate: str) -> None:
    decision = asked(loaded(TEXT), Analysis("VariableSetStmt", frozenset({Effect.SESSION}), settings=(setting,)), {})
    assert decision.refusal is not None
    assert decision.refusal.sqlstate == sqlstate
    assert not decision.transparent


@pytest.mark.parametrize(
    "setting",
    [
        Setting("client_encoding", "utf-8"),
        Setting("client_encoding", None),
        Setting("client_encoding", None, constant=False),
        Setting("enable_seqscan", "off"),
        Setting("role", None, constant=False),
        Setting("standard_conforming_strings", "off"),
    ],
)
def test_anything_else_is(setting: Setting) -> None:
    analysis = Analysis("VariableSetStmt", frozenset({Effect.SESSION}), settings=(setting,))
    assert asked(loaded(TEXT), analysis, {}).transparent


def started(*pairs: tuple[str, str]) -> Startup | Refusal:
    return check_startup([(k.encode(), v.encode()) for k, v in (("user", "bot"), *pairs)], transparent=True)


def test_a_start_up_packet_has_any_setting_but_these() -> None:
    good = started(("options", "-c geqo=off"), ("work_mem", "64MB"), ("client_encoding", "UTF8"))
    assert isinstance(good, Startup)
    assert good.parameters == (("client_encoding", "UTF8"), ("geqo", "off"), ("work_mem", "64MB"))
    assert good.transparent
    for key, value in (("replication", "database"), ("client_encoding", "LATIN1"), ("pgmaskproxy.principal", "x")):
        assert isinstance(started((key, value)), Refusal)
        assert isinstance(started(("options", f"-c {key}={value}")), Refusal)
