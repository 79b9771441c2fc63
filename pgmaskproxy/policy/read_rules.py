"""The `rules:` of a policy file -> Rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import ApprovalTerms, Effect, Outcome, RuleRef
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems
from pgmaskproxy.policy.read_approvers import read_approvers
from pgmaskproxy.policy.rules import UNMASKED_ROWS, Pattern, Rule

RULE_KEYS: Final = (
    "id",
    "who",
    "effects",
    "relations",
    "functions",
    "labels",
    "channels",
    "database",
    "without_where",
    "decide",
    "message",
    "approvers",
    "require",
    "card",
    "unmask",
    "limits",
)
LATER_RULE_KEYS: Final = {
    "when": "rules hold at any time so far",
    "steps": "they belong under approvers",
}


_NOT_BESIDE_UNMASK: Final = ("relations", "functions", "channels", "without_where", "message")


@dataclass(frozen=True, slots=True)
class RawRule:
    """A rule whose `labels` are still patterns: labels may be declared in any file."""

    rule: Rule
    node: yaml.Mapping
    labels: tuple[tuple[yaml.Node, Pattern], ...] | None


def read_rules(top: Fields) -> list[RawRule]:
    """The rules of one file that could be read; what is wrong with the others goes to the problems of `top`."""
    node = top.get("rules")
    if node is None:
        return []
    if not isinstance(node, yaml.Sequence):
        top.problems.add(node, '"rules" must be a list')
        return []
    return [rule for item in node.items if (rule := _rule(item, top.problems)) is not None]


def _rule(node: yaml.Node, problems: Problems) -> RawRule | None:
    own = Fields(node, "a rule", RULE_KEYS, problems, LATER_RULE_KEYS)
    if not isinstance(node, yaml.Mapping):
        return None
    id_ = own.read("id", fields.identifier, required=True)
    if id_ is not None:
        own.what = f'rule "{id_}"'
    ref = RuleRef(id_ or "", node.file, node.line)
    decide = own.read("decide", fields.member(Outcome), required=True)
    effects = frozenset(own.read("effects", fields.each(fields.member(Effect)), required=True) or ())
    functions = own.read("functions", fields.each(fields.pattern(2, "schema.function, without arguments")))
    labels = own.read("labels", fields.each(_label_pattern))
    _check_without_where(own, effects)
    message = own.read("message", fields.text)
    _check_allow(own, decide, effects)
    unmask = own.read("unmask", fields.each(fields.pattern(3, "schema.table.column", ignore_case=True)))
    rows = _rows(own)
    _check_unmask(own, decide, effects)
    terms = _terms(own, decide, ref)
    if message is not None and decide is not Outcome.DENY:
        problems.add(own.get("message") or node, '"message" is for decide: deny')
    rule = Rule(
        id=id_ or "",
        effects=effects,
        decide=decide or Outcome.DENY,
        who=own.read("who", fields.each(fields.who)),
        databases=own.read("database", fields.each(fields.pattern(1, "a database's name"))),
        relations=own.read("relations", fields.each(fields.pattern(2, "schema.table"))),
        functions=functions,
        channels=_channels(own, effects),
        without_where=own.get("without_where") is not None,
        message=message or "",
        terms=terms,
        unmask=unmask,
        rows=rows,
        ref=ref,
    )
    return RawRule(rule, node, labels) if id_ is not None else None


def _check_without_where(own: Fields, effects: frozenset[Effect]) -> None:
    node = own.get("without_where")
    if node is None:
        return
    if own.read("without_where", fields.boolean) is False:
        own.problems.add(node, '"without_where" can only be true', "leave it out")
    if effects and Effect.WRITE not in effects:
        own.problems.add(node, '"without_where" needs WRITE among the effects')


def _rows(own: Fields) -> int:
    """`limits: {rows: N}`, for rules with `unmask`."""
    node = own.get("limits")
    if node is None:
        return UNMASKED_ROWS
    if own.get("unmask") is None:
        own.problems.add(node, '"limits" is for rules with "unmask"', "the rows of other statements are not limited")
    return Fields(node, '"limits"', ("rows",), own.problems).read("rows", fields.count, required=True) or UNMASKED_ROWS


def _check_unmask(own: Fields, decide: Outcome | None, effects: frozenset[Effect]) -> None:
    """A rule with `unmask` says what a person may show, and nothing else: it neither allows a statement nor holds one
    that asks for nothing."""
    node = own.get("unmask")
    if node is None:
        return
    if decide is not None and decide is not Outcome.HOLD:
        own.problems.add(node, '"unmask" is for decide: hold', "clear_for of a label shows a column without asking")
    if effects and effects != {Effect.READ}:
        own.problems.add(node, '"unmask" is about what a SELECT shows', "effects: [READ]")
    for key in _NOT_BESIDE_UNMASK:
        if (other := own.get(key)) is not None:
            own.problems.add(other, f'"{key}" does not go with "unmask"', "name the columns as schema.table.column")


def _channels(own: Fields, effects: frozenset[Effect]) -> tuple[Pattern, ...] | None:
    node = own.get("channels")
    if node is not None and effects and effects != {Effect.ADMIN}:
        own.problems.add(node, '"channels" is for LISTEN and NOTIFY, whose effect is ADMIN alone', "effects: [ADMIN]")
    return own.read("channels", fields.each(fields.pattern(1, "a channel's name")))


def _check_allow(own: Fields, decide: Outcome | None, effects: frozenset[Effect]) -> None:
    if decide is not Outcome.ALLOW:
        return
    if Effect.UNKNOWN in effects:
        own.problems.add(
            own.get("effects") or own.node, "UNKNOWN cannot be allowed", "hold it: a person can read what we cannot"
        )
    if (node := own.get("functions")) is not None and effects and Effect.ROUTINE not in effects:
        own.problems.add(node, '"functions" in an allow rule needs ROUTINE among the effects')


def _label_pattern(node: yaml.Node, what: str, problems: Problems) -> tuple[yaml.Node, Pattern] | None:
    value = fields.text(node, what, problems)
    # The dots in a label's id are part of it: `pii.*` is one name with a wildcard.
    return None if value is None else (node, Pattern(value, (value,), (True,)))


def _terms(own: Fields, decide: Outcome | None, ref: RuleRef) -> tuple[ApprovalTerms, ...]:
    problems = own.problems
    if decide is not Outcome.HOLD:
        for key in ("approvers", "require", "card"):
            node = own.get(key)
            if node is not None and decide is not None:
                problems.add(node, f'"{key}" is for decide: hold')
        return ()
    card = own.read("card", fields.text) or ""
    required = own.read("require", fields.each(fields.choice("reason")))
    node = own.get("approvers")
    if node is None:
        problems.add(own.node, f'{own.what} holds, so it needs "approvers"')
        return ()
    # Whoever shows what is masked for everybody else is told why.
    reason = bool(required) or own.get("unmask") is not None
    return read_approvers(node, problems, ref, reason=reason, card=card)
