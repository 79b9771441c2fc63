"""What the proxy itself says, in PostgreSQL's own fields."""

from __future__ import annotations

import json

from pgmaskproxy.model import Analysis, ApprovalTerms, Decision, Outcome, Refusal, RuleRef, Ruling
from pgmaskproxy.session import answers
from pgmaskproxy.wire.backend import ErrorResponse, NoticeResponse, decode
from pgmaskproxy.wire.framing import Frame

REFUSAL = Refusal(
    "42501",
    "permission denied by policy",
    detail="The column is labelled.",
    hint="Leave it out.",
    position=3,
    rule=RuleRef("no-ssn", "policy.yaml", 12),
    schema="shop",
    table="customers",
    column="ssn",
    facts=(("rule", "no-ssn"), ("column", "é")),
)


def test_a_refusal_is_an_error_with_everything_it_knows() -> None:
    fields = answers.error_fields(REFUSAL, "ERROR", 10)
    detail = fields.pop(b"D").decode().splitlines()
    assert detail[0] == "The column is labelled."
    assert detail[-1].startswith("pgmaskproxy:{")
    assert json.loads(detail[-1].removeprefix("pgmaskproxy:")) == {"rule": "no-ssn", "column": "é"}
    assert fields == {
        b"S": b"ERROR",
        b"V": b"ERROR",
        b"C": b"42501",
        b"M": b"permission denied by policy",
        b"H": b"Leave it out.",
        b"P": b"13",
        b"s": b"shop",
        b"t": b"customers",
        b"c": b"ssn",
        b"F": b"policy.yaml",
        b"L": b"12",
        b"R": b"no-ssn",
    }


def test_what_is_not_known_is_not_said() -> None:
    assert set(answers.error_fields(Refusal("42501", "no"), "FATAL", 10)) == {b"S", b"V", b"C", b"M"}


def test_facts_alone_are_the_detail() -> None:
    assert (
        answers.error_fields(Refusal("42501", "no", facts=(("a", "b"),)), "ERROR", 0)[b"D"] == b'pgmaskproxy:{"a": "b"}'
    )


def test_facts_are_one_line_whatever_they_say_and_whoever_splits_it() -> None:
    refusal = Refusal("42501", "no", facts=(("reason", "a\n\u2028b\x85\x1cc"), ("allowed", ("x", "y")), ("limit", 3)))
    (line,) = answers.error_fields(refusal, "ERROR", 0)[b"D"].decode().splitlines()
    assert json.loads(line.removeprefix(answers.MARK)) == {
        "reason": "a\n\u2028b\x85\x1cc",
        "allowed": ["x", "y"],
        "limit": 3,
    }


def test_a_zero_byte_cannot_end_a_field_early() -> None:
    frame = answers.error_response(Refusal("42501", "no\x00Cx"), severity="FATAL")
    message = decode(Frame(frame[0], frame[5:]))
    assert isinstance(message, ErrorResponse)
    assert message.fields[b"M"].decode() == "no\N{REPLACEMENT CHARACTER}Cx"


def test_the_notice_of_a_held_statement() -> None:
    terms = (
        ApprovalTerms(RuleRef("ask"), ("dba", "security")),
        ApprovalTerms(RuleRef("ask-more"), ("dba",)),
    )
    ruling = Ruling("x", 0, Analysis("", frozenset()), Decision(Outcome.HOLD, terms=terms), 1)
    frame = answers.held_notice(ruling, "apr_1", 15, "https://here/apr_1")
    message = decode(Frame(frame[0], frame[5:]))
    assert isinstance(message, NoticeResponse)
    assert message.fields == {
        b"S": b"NOTICE",
        b"V": b"NOTICE",
        b"C": b"00000",
        b"M": b"statement is held for approval (request apr_1, 15s elapsed)",
        b"D": b"Rule ask, ask-more asks dba, security to decide.",
        b"H": b"Approve or reject at https://here/apr_1. Cancel with Ctrl-C.",
        b"R": b"ask, ask-more",
    }


def test_unknown_names_in_the_servers_own_words() -> None:
    assert answers.no_such_statement(b"").message == "unnamed prepared statement does not exist"
    assert answers.no_such_statement(b"s").message == 'prepared statement "s" does not exist'
    assert answers.no_such_portal(b"\xff").sqlstate == "34000"
    assert answers.name_taken(b"x").sqlstate == "42939"
    assert answers.too_many_names().sqlstate == "53400"
