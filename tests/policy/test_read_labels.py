from __future__ import annotations

import pytest

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.model import Mask, Use
from pgmaskproxy.policy.rules import Answer, Label
from tests.policy.shop import policy


def label(body: str) -> Label:
    return policy(f"labels:\n  x: {body}\n").labels["x"]


def problem(body: str) -> str:
    with pytest.raises(ConfigError) as caught:
        label(body)
    return "; ".join(
        problem.message + (f" ({problem.hint})" if problem.hint else "") for problem in caught.value.problems
    )


def test_a_label_is_read() -> None:
    found = label(
        '{columns: ["*.*.a", b.c.d], mask: {kind: partial, last: 4, fill: 0},'
        ' clear_for: ["user:u", "kind:service"], uses: {count: allow, equality: refuse}}'
    )
    assert found.mask == Mask("partial", "x", (("fill", "0"), ("last", 4)))
    assert [str(who) for who in found.clear_for] == ["user:u", "kind:service"]
    assert found.uses == ((Use.COUNT, Answer.ALLOW), (Use.EQUALITY, Answer.REFUSE))
    assert (found.budget, found.terms) == (None, ())
    assert (found.ref.file, found.ref.line) == ("p.yaml", 4)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("{columns: [a.b.c]}", 'label "x" needs "mask"'),
        ("{mask: {kind: redact}}", 'label "x" needs "columns"'),
        ("{columns: [], mask: {kind: redact}}", '"columns" must be a list with at least one item'),
        ("{columns: a.b.c, mask: {kind: redact}}", '"columns" must be a list'),
        ("{columns: [a.b], mask: {kind: redact}}", "must be schema.table.column"),
        ("{columns: [a..c], mask: {kind: redact}}", "must be schema.table.column"),
        ("{columns: [a.b.c], mask: redact}", '"mask" must be a mapping, like {kind: redact}'),
        ("{columns: [a.b.c], mask: {text: x}}", '"mask" needs "kind"'),
        (
            "{columns: [a.b.c], mask: {kind: rot13}}",
            'unknown kind of mask "rot13" (one of null, redact, zero, hash, uuid, token, generalize, ip, card, phone,'
            " email, partial, json, scrub, custom)",
        ),
        ("{columns: [a.b.c], mask: {kind: null}}", '"kind" must be text'),
        ("{columns: [a.b.c], mask: {kind: email, domain: maybe}}", '"domain" of mask email must be keep or hide'),
        (
            "{columns: [a.b.c], mask: {kind: partial, keep_length: 1}}",
            '"keep_length" of mask partial must be true or false',
        ),
        ("{columns: [a.b.c], mask: {kind: partial, fill: [x]}}", '"fill" of mask partial must be a string'),
        (
            "{columns: [a.b.c], mask: {kind: redact}, clear_for: [fraud]}",
            'must be user:NAME, group:NAME or kind:agent ("group:fraud"?)',
        ),
        ("{columns: [a.b.c], mask: {kind: redact}, clear_for: [grup:fraud]}", 'did you mean "group"?'),
        ("{columns: [a.b.c], mask: {kind: redact}, clear_for: [kind:agnt]}", 'did you mean "agent"?'),
        ("{columns: [a.b.c], mask: {kind: redact}, uses: [count]}", '"uses" must be a mapping'),
        ("[]", 'label "x" must be a mapping'),
    ],
)
def test_what_is_wrong_is_said(body: str, wanted: str) -> None:
    assert wanted in problem(body)


def test_labels_must_be_a_mapping_of_good_names() -> None:
    with pytest.raises(ConfigError, match='"labels" must be a mapping'):
        policy("labels: [a]\n")
    with pytest.raises(ConfigError, match='a label "x y" must be letters'):
        policy('labels: {"x y": {columns: [a.b.c], mask: {kind: redact}}}\n')
