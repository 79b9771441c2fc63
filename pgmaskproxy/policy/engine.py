"""One statement, one principal, one policy: a Decision. Pure, and the same whatever the order of files and rules.

The order of the reasons is fixed: a setting off the list, a relation that does not exist, a deny
rule, an effect that no rule covers, a use that no label allows, EXPLAIN over labelled data, an
output of unknown origin; then what it asks to see unmasked. Only a statement that none of them stops is held or
allowed; rules that hold and labels that hold add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnRef,
    Decision,
    Effect,
    Outcome,
    Principal,
    Quotable,
    Refusal,
    RelationRef,
    RuleRef,
    Statement,
)
from pgmaskproxy.policy import refusals
from pgmaskproxy.policy.coverage import BUILTIN, Matches, match
from pgmaskproxy.policy.facts import EXPLAIN, Touched, touched
from pgmaskproxy.policy.inputs import judge_inputs
from pgmaskproxy.policy.outputs import is_transparent, judge_outputs, mixed_outputs, visibility
from pgmaskproxy.policy.quoting import could_quote
from pgmaskproxy.policy.rules import Policy, declared_labels
from pgmaskproxy.policy.settings import setting_allowed, setting_pinned
from pgmaskproxy.policy.unmasking import Unmasking, judge_unmask
from pgmaskproxy.policy.uses import JudgedUses, judge_uses

__all__ = ["decide", "declared_labels", "visibility"]

_BEYOND_ANALYSIS: Final = frozenset({Effect.DDL, Effect.PRIVILEGE, Effect.ADMIN, Effect.UNKNOWN})
"""Effects that are about more than columns. A rule had to cover them, UNKNOWN only by a hold: then what is not known
is masked instead of refused."""


def decide(
    policy: Policy,
    principal: Principal,
    statement: Statement,
    analysis: Analysis,
    labelling: Mapping[ColumnRef, ColumnLabels],
    *,
    quotable: Quotable | None = None,
    by_relation: Mapping[RelationRef, frozenset[str]] | None = None,
) -> Decision:
    """What `policy` says of `statement`, read as `analysis`, asked by `principal`.

    `labelling` is the labels of every labelled column after closure over the catalog, `quotable` what errors could
    quote; without it every write could quote anything. `by_relation` saves time (`policy/facts`). A DENY carries
    its Refusal (42501, 42704, 22023, 42P01 or 0A000); a HOLD its terms, every one to be met.
    """
    if policy.transparent is not None and is_transparent(policy, labelling):
        return _passed(policy, policy.transparent, analysis)
    facts = touched(policy, principal, analysis, labelling, by_relation)
    matches = match(policy.rules, facts, statement.database)
    scrub = could_quote(facts, quotable)
    uses = judge_uses(facts)
    inputs = judge_inputs(facts, uses)
    scrub = scrub or any(rule.token is not None for rule in inputs)
    refusal = _refusal(facts, matches, uses)
    asked: Unmasking | Refusal | None = None
    if refusal is None and statement.unmask:
        asked = judge_unmask(facts, policy.rules, statement.database, statement.unmask)
        refusal = asked if isinstance(asked, Refusal) else None
    if refusal is not None:
        rules = tuple(rule.ref for rule in matches.denying) or ((refusal.rule,) if refusal.rule is not None else ())
        return Decision(
            outcome=Outcome.DENY,
            rules=rules,
            reason=refusal.message,
            refusal=refusal,
            labels=facts.all_labels,
            scrub=scrub,
            policy_version=policy.version,
        )
    outputs = judge_outputs(facts, uses.nulls)
    shown = asked.unmask if isinstance(asked, Unmasking) else None
    terms = (*(term for rule in matches.holding for term in rule.terms), *uses.terms)
    deciding = matches.allowing if not terms else matches.holding
    refs = (*(rule.ref for rule in deciding), *uses.held)
    if isinstance(asked, Unmasking):
        terms, refs = (*terms, *asked.terms), (*(refs if terms else ()), *asked.rules)
    if matches.builtin and not terms:
        refs = (*refs, BUILTIN)
    return Decision(
        outcome=Outcome.HOLD if terms else Outcome.ALLOW,
        rules=refs,
        reason=_reason("held" if terms else "allowed", refs),
        masks=outputs.masks,
        cleared=outputs.cleared,
        labels=facts.all_labels,
        terms=terms,
        scrub=scrub,
        policy_version=policy.version,
        charges=uses.charges,
        inputs=inputs,
        unmask=shown,
    )


def _passed(policy: Policy, where: RuleRef, analysis: Analysis) -> Decision:
    """Under a transparent policy: allowed as it is, but for what the session itself could not go on with."""
    for setting in analysis.settings:
        refusal = setting_pinned(setting)
        if refusal is not None:
            return Decision(Outcome.DENY, reason=refusal.message, refusal=refusal, policy_version=policy.version)
    return Decision(
        outcome=Outcome.ALLOW,
        rules=(where,),
        reason=_reason("allowed", (where,)),
        masks=None,
        scrub=False,
        policy_version=policy.version,
        transparent=True,
    )


def _reason(verb: str, refs: tuple[RuleRef, ...]) -> str:
    return f"{verb} by {', '.join(ref.id for ref in refs)}" if refs else "nothing to decide"


def _refusal(facts: Touched, matches: Matches, uses: JudgedUses) -> Refusal | None:
    for setting in facts.analysis.settings:
        refusal = setting_allowed(setting)
        if refusal is not None:
            return refusal
    for need in matches.uncovered:
        if need.relation is not None and not need.relation.schema and need.effect in {Effect.READ, Effect.WRITE}:
            return refusals.undefined(need.relation)
    if matches.denying:
        return refusals.denied_by(matches.denying[0], facts)
    if matches.uncovered:
        return refusals.not_covered(matches.uncovered[0], matches.uncovered)
    if uses.refusals:
        return uses.refusals[0]
    if facts.analysis.kind == EXPLAIN:
        for relation in sorted(facts.relations):
            if facts.secret(relation):
                return refusals.explain(facts, relation)
    for column in mixed_outputs(facts):
        return refusals.mixed(facts, column)
    if facts.opaque and not _may_be_null(facts):
        return refusals.opaque(facts)
    return None


def _may_be_null(facts: Touched) -> bool:
    """Whether what is not known may run, its outputs shown as NULL: only where a rule spoke of it explicitly."""
    if facts.effects & _BEYOND_ANALYSIS:
        return True
    return (
        Effect.ROUTINE in facts.effects
        and all(relation.schema for relation in facts.relations)
        and not any(facts.secret(relation) for relation in facts.relations)
    )
