"""What a policy allows and may not have meant: found by asking the engine itself, about columns that could be there.

Who writes a labelled column without asking anybody learns by the error or the row count whether a value is there
(THREATS X7); who reads it back with a mask that depends on the value makes a code book (DESIGN 3b).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnRef,
    Columns,
    ColumnUse,
    Effect,
    Mask,
    Outcome,
    Principal,
    PrincipalKind,
    RuleRef,
    Statement,
    Use,
)
from pgmaskproxy.policy.engine import decide
from pgmaskproxy.policy.rules import DETERMINISTIC, Label, Pattern, Policy, Who, declared_labels

ANY: Final = "x"
"""Stands for a name that no pattern names."""
MAX_SAMPLES: Final = 50
"""Columns tried for one label."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that an operator should look at."""

    message: str
    hint: str
    ref: RuleRef


def doubts(
    policy: Policy, principals: Iterable[Principal], labelling: Mapping[ColumnRef, ColumnLabels] | None = None
) -> tuple[Doubt, ...]:
    """What to look at, at most one for each label; `labelling` is a database's, without it columns are made up. With it
    also each pattern of an `unmask` that finds nothing there."""
    asked = tuple(principals)
    found = [_about(policy, label, asked, labelling) for label in policy.labels.values()]
    return (*(doubt for doubt in found if doubt is not None), *_unmasking_nothing(policy, labelling))


def _unmasking_nothing(policy: Policy, labelling: Mapping[ColumnRef, ColumnLabels] | None) -> Iterable[Doubt]:
    if labelling is None:
        return
    for rule in policy.rules:
        for pattern in rule.unmask or ():
            if not any(pattern.matches((each.schema, each.table, each.column)) for each in labelling):
                yield Doubt(
                    f'rule "{rule.id}" would unmask {pattern.text}, and no labelled column is called so',
                    "what has no label is not masked; a view's column is unmasked by the table that it comes from",
                    rule.ref,
                )


def principals_of(policy: Policy) -> tuple[Principal, ...]:
    """Somebody for everyone whom the rules speak of, where it is not known who there is."""
    named = {str(who): who for rule in policy.rules for who in rule.who or ()}
    return (Principal("anybody", PrincipalKind.AGENT), *(_somebody(named[name]) for name in sorted(named)))


def _somebody(who: Who) -> Principal:
    match who.kind:
        case "user":
            return Principal(who.name, PrincipalKind.AGENT)
        case "group":
            return Principal(str(who), PrincipalKind.AGENT, frozenset({who.name}))
        case "kind":
            return Principal(str(who), PrincipalKind(who.name))


def _about(
    policy: Policy, label: Label, principals: Sequence[Principal], labelling: Mapping[ColumnRef, ColumnLabels] | None
) -> Doubt | None:
    columns = [column for column, its in labelling.items() if label.id in its.labels] if labelling is not None else None
    samples = _samples(policy, label) if columns is None else sorted(columns)[:MAX_SAMPLES]
    known = labelling if labelling is not None else _labelled(policy, samples)
    oracle: Doubt | None = None
    for column, principal, database in itertools.product(samples, principals, _databases(policy)):
        if label.clears(principal) or not _writes(policy, principal, database, column, known):
            continue
        mask = _shown(policy, principal, database, column, known)
        if mask is not None and mask.kind in DETERMINISTIC:
            return Doubt(
                f"{principal.name} may write {column} and reads it with mask {mask.kind} ({label.id}): "
                "its own values come back masked, which makes a code book",
                "let a person agree (`written: hold`, or a rule that holds WRITE of the label), or mask it as redact",
                label.ref,
            )
        if oracle is None and dict(label.uses).get(Use.WRITTEN) is None:
            oracle = Doubt(
                f"{principal.name} may write {column} ({label.id}) without asking anybody: "
                "a unique index tells whether a value is there already",
                "hold it (`written: hold`, or a rule that holds WRITE of the label), or say `written: allow`",
                label.ref,
            )
    return oracle


def _labelled(policy: Policy, columns: Iterable[ColumnRef]) -> dict[ColumnRef, ColumnLabels]:
    return {column: ColumnLabels(labels) for column, labels in declared_labels(policy, columns).items()}


def _samples(policy: Policy, label: Label) -> list[ColumnRef]:
    """Columns that the label's patterns match, by the names that rules know and one that none does."""
    relations = [pattern for rule in policy.rules for pattern in rule.relations or ()]
    found = dict.fromkeys(sorted(label.joined))
    for pattern in label.columns:
        parts = [_names(pattern, place, relations) for place in range(3)]
        for schema, table, column in itertools.islice(itertools.product(*parts), MAX_SAMPLES):
            found[ColumnRef(schema, table, column)] = None
    return list(found)[:MAX_SAMPLES]


def _names(pattern: Pattern, place: int, relations: Iterable[Pattern]) -> list[str]:
    part = pattern.parts[place]
    if not pattern.globs[place] or "*" not in part:
        return [part]
    known = {other.parts[place] for other in relations if place < len(other.parts) and "*" not in other.parts[place]}
    single = Pattern(part, (part,), (True,), pattern.ignore_case)
    return [*sorted(name for name in known if single.matches((name,))), part.replace("*", ANY)]


def _databases(policy: Policy) -> list[str]:
    named = {pattern.parts[0] for rule in policy.rules for pattern in rule.databases or () if pattern.exact}
    return [*sorted(named), ANY]


def _writes(
    policy: Policy, principal: Principal, database: str, column: ColumnRef, labelling: Mapping[ColumnRef, ColumnLabels]
) -> bool:
    written = Analysis(
        "InsertStmt",
        frozenset({Effect.WRITE}),
        writes=frozenset({column.relation}),
        uses=(ColumnUse(column, Use.WRITTEN, "INSERT"),),
    )
    return decide(policy, principal, _statement(database), written, labelling).outcome is Outcome.ALLOW


def _shown(
    policy: Policy, principal: Principal, database: str, column: ColumnRef, labelling: Mapping[ColumnRef, ColumnLabels]
) -> Mask | None:
    read = Analysis(
        "SelectStmt",
        frozenset({Effect.READ}),
        reads=frozenset({column.relation}),
        outputs=(Columns(frozenset({column})),),
    )
    found = decide(policy, principal, _statement(database), read, labelling)
    return found.masks[0] if found.outcome is not Outcome.DENY and found.masks else None


def _statement(database: str) -> Statement:
    return Statement("", database, "", ())
