"""The `rules:` of a policy file -> Rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import ApprovalTerms, Effect, Outcome, RuleRef
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems
from pgmaskproxy.policy.read_approvers import read_approvers
from pgmaskproxy.policy.rules import Pattern, Rule

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
)
LATER_RULE_KEYS: Final = {
    "limits": "rows and seconds are not limited by policy so far",
    "when": "rules hold at any time so far",
    "steps": "they belong under approvers",
}


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
    return read_approvers(node, problems, ref, reason=bool(required), card=card)
