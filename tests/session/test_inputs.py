"""Parameters and literals beside labelled columns: what is sent upstream in their places, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgmaskproxy.mask.keys import NO_KEYS, Key, Keyring
from pgmaskproxy.mask.token import Tokens
from pgmaskproxy.model import (
    Analysis,
    Charge,
    ColumnRef,
    Decision,
    Effect,
    Input,
    InputRule,
    Mask,
    Outcome,
    Refusal,
    RuleRef,
    Ruling,
    Use,
)
from pgmaskproxy.session.inputs import Bound, argument_refusal, bound, literal_refusal, spared
from pgmaskproxy.wire.frontend import Bind

KEYS = Keyring([Key("masking", 1, b"k" * 32), Key("masking", 2, b"l" * 32), Key("other", 1, b"m" * 32)])
OTHERS = Keyring([Key("masking", 1, b"n" * 32)])
EMAIL = ColumnRef("shop", "customers", "email")
TOKEN = Mask("token", "pii.email")
REDACT = Mask("redact", "pii.email")
VALUE = b"ada@post.example"
GOOD = Tokens(KEYS, "pii.email", "masking").seal(VALUE).encode()


def rule(number: int = 1, use: Use = Use.EQUALITY, **more: Any) -> InputRule:
    literal, many = more.pop("literal", ""), more.pop("many", False)
    given = Input(EMAIL, use, "WHERE", number, literal, many, more.pop("type_oid", 25))
    masks = (TOKEN, REDACT) if use is Use.WRITTEN else ()
    known: dict[str, Any] = {"token": TOKEN, "rule": RuleRef("pii.email", "p.yaml", 6), **more}
    return InputRule(given, ("pii.email",), known.pop("masks", masks), **known)


def ruling(*rules: InputRule, attested: str = "hash", charges: tuple[Charge, ...] = ()) -> Ruling:
    analysis = Analysis("SelectStmt", frozenset({Effect.READ}), inputs=tuple(each.input for each in rules))
    decision = Decision(Outcome.ALLOW, inputs=rules, charges=charges)
    return Ruling("SELECT", 0, analysis, decision, 1, attested=attested)


def sent(value: bytes | None, *rules: InputRule, code: int = 0, **more: Any) -> Bound | Refusal:
    message = Bind(b"p", b"s", (code,), (value, b"beside"), (1,))
    return bound(message, ruling(*rules, **more), KEYS, {})


def why(found: Bound | Refusal | None) -> str:
    assert isinstance(found, Refusal)
    assert found.hint
    assert found.detail
    assert (found.schema, found.table, found.column) == ("shop", "customers", "email")
    return str(dict(found.facts)["why"])


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("use", [Use.EQUALITY, Use.WRITTEN])
def test_a_token_stands_for_its_value(use: Use, code: int) -> None:
    found = sent(GOOD, rule(use=use), code=code)
    assert isinstance(found, Bound)
    assert found.message.parameters == (VALUE, b"beside")
    assert (found.message.portal, found.message.statement) == (b"p", b"s")
    assert (found.message.parameter_formats, found.message.result_formats) == ((code,), (1,))
    assert found.hidden
    assert found.by_token == (frozenset({EMAIL}) if use is Use.EQUALITY else frozenset())


def test_a_token_of_an_older_key_still_does() -> None:
    old = Tokens(Keyring([Key("masking", 1, b"k" * 32)]), "pii.email", "masking").seal(VALUE).encode()
    found = sent(old, rule())
    assert isinstance(found, Bound)
    assert found.message.parameters[0] == VALUE


def test_nothing_is_touched_where_nothing_is_said() -> None:
    for value in (GOOD, b"anything", None):
        found = sent(value)
        assert isinstance(found, Bound)
        assert (found.message.parameters[0], found.hidden) == (value, False)
    found = sent(None, rule(tokens_only=True))
    assert isinstance(found, Bound)
    assert found.message.parameters[0] is None


def test_a_forged_token_is_refused() -> None:
    for tokens in (Tokens(KEYS, "pii.ssn", "masking"), Tokens(KEYS, "pii.email", "other")):
        assert why(sent(tokens.seal(VALUE).encode(), rule())) == "forged_token"
    assert why(sent(Tokens(OTHERS, "pii.email", "masking").seal(VALUE).encode(), rule())) == "forged_token"
    assert why(sent(GOOD[:-1] + b"A", rule())) == "forged_token"
    assert why(bound(Bind(b"", b"", (), (GOOD,)), ruling(rule()), NO_KEYS, {})) == "forged_token"


def test_only_the_servers_own_tree_lets_a_value_out() -> None:
    assert why(sent(GOOD, rule(), attested="")) == "token_not_here"


def test_a_token_stays_one_where_its_value_may_not_stand() -> None:
    assert why(sent(GOOD, rule(token=None))) == "token_not_here"
    other = replace(rule(), token=Mask("token", "pii.ssn"))
    assert why(sent(GOOD, rule(), other)) == "token_not_here"
    assert why(sent(GOOD, rule(), rule(token=None))) == "token_not_here"
    assert why(sent(GOOD, rule(type_oid=23))) == "token_not_here"


def test_where_only_tokens_may_be_compared_nothing_else_is() -> None:
    for value, code in ((b"ada@post.example", 0), (b"", 0), (b"\xff", 0), (b"{a}", 1)):
        assert why(sent(value, rule(tokens_only=True), code=code)) == "token_needed"
    assert why(sent(b"ada", rule(), rule(tokens_only=True))) == "token_needed"
    lists: dict[str, Any] = {"tokens_only": True, "type_oid": 1009}
    assert why(sent(b"{" + GOOD + b",ada}", rule(**lists))) == "token_needed"
    assert why(sent(b"{ada", rule(**lists))) == "token_needed"
    found = sent(b"{" + GOOD + b",NULL}", rule(**lists))
    assert isinstance(found, Bound)
    assert found.message.parameters[0] == b"{" + VALUE + b",NULL}"


@pytest.mark.parametrize(("value", "code"), [(b"***", 0), (b"***", 1)])
def test_a_masked_value_is_not_written(value: bytes, code: int) -> None:
    assert why(sent(value, rule(use=Use.WRITTEN), code=code)) == "masked_value"
    assert why(sent(value, rule(use=Use.WRITTEN, token=None), code=code)) == "masked_value"
    assert isinstance(sent(value, rule(use=Use.EQUALITY), code=code), Bound), "nothing is lost by looking for it"
    assert isinstance(sent(b"ada@post.example", rule(use=Use.WRITTEN), code=code), Bound)


def test_no_error_repeats_what_was_sent() -> None:
    secret = b"somebody@post.example"
    for found in (
        sent(secret, rule(tokens_only=True)),
        sent(GOOD, rule(token=None)),
        sent(GOOD[:-1] + b"A", rule()),
        sent(b"***", rule(use=Use.WRITTEN)),
    ):
        assert isinstance(found, Refusal)
        said = repr(found)
        assert secret.decode() not in said
        assert GOOD.decode()[:-1] not in said
        assert VALUE.decode() not in said


def test_a_literal_is_no_token_and_no_masked_value() -> None:
    literal = rule(0, Use.WRITTEN, literal="***")
    assert why(literal_refusal(ruling(literal), KEYS)) == "masked_value"
    assert why(literal_refusal(ruling(rule(0, literal=GOOD.decode())), KEYS)) == "token_as_literal"
    assert why(literal_refusal(ruling(rule(0, Use.WRITTEN, literal=GOOD.decode())), KEYS)) == "token_as_literal"
    assert literal_refusal(ruling(rule(0, literal="***"), rule(1, Use.WRITTEN)), KEYS) is None
    assert literal_refusal(ruling(rule(0, Use.WRITTEN, literal="ada@post.example")), KEYS) is None
    assert literal_refusal(ruling(rule(0, Use.WRITTEN, literal="")), KEYS) is None


def test_what_execute_is_given_is_read_by_what_was_prepared() -> None:
    nowhere = ColumnRef("", "", "")

    def executed(literal: str, *rules: InputRule) -> Refusal | None:
        outer = Analysis("ExecuteStmt", frozenset(), inputs=(Input(nowhere, Use.WRITTEN, "EXECUTE", 1, literal),))
        return argument_refusal(outer, ruling(*rules), KEYS)

    assert why(executed("***", rule(use=Use.WRITTEN))) == "masked_value"
    assert why(executed(GOOD.decode(), rule())) == "token_as_literal"
    assert why(executed("ada", rule(tokens_only=True))) == "token_as_literal"
    assert why(executed("", rule(tokens_only=True))) == "token_as_literal"
    assert executed("ada", rule(), rule(2, Use.WRITTEN)) is None
    assert executed("***", rule(2, Use.WRITTEN)) is None


def test_look_ups_by_token_cost_nothing() -> None:
    charge = Charge("pii.email", Use.EQUALITY, 3, 3600.0, EMAIL)
    priced = ruling(rule(), charges=(charge,))
    assert spared(priced, frozenset()) is priced
    assert spared(priced, frozenset({EMAIL})).decision.charges == ()
    mixed = bound(Bind(b"", b"", (), (GOOD, b"ada")), ruling(rule(), rule(2)), KEYS, {})
    assert isinstance(mixed, Bound)
    assert mixed.by_token == frozenset(), "one guess among tokens is a guess"
    literal = bound(Bind(b"", b"", (), (GOOD,)), ruling(rule(), rule(0, literal="ada")), KEYS, {})
    assert isinstance(literal, Bound)
    assert literal.by_token == frozenset()
