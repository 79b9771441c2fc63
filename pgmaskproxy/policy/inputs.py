"""What becomes of the values that a client gives beside labelled columns: which tokens stand for their values there.

A token may be read back where every place of its parameter is a column of one and the same mask: there the value stays
as hidden as it was. What a mask has shown is never a value to be written, whoever wrote it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pgmaskproxy.model import ColumnRef, InputRule, Mask, RuleRef, Use
from pgmaskproxy.policy.facts import Touched
from pgmaskproxy.policy.outputs import column_mask
from pgmaskproxy.policy.rules import TOKEN
from pgmaskproxy.policy.uses import JudgedUses

Masks: TypeAlias = Mapping[ColumnRef, "Mask | None"]
"""How the principal sees each column that is given something; None is as it is."""


def judge_inputs(facts: Touched, uses: JudgedUses) -> tuple[InputRule, ...]:
    """A rule for each input beside a column that the principal sees masked, in the order of the statement."""
    columns = {each.column for each in facts.analysis.inputs}
    # One statement may insert many rows: what is said of a column is found out once.
    masks: Masks = {
        column: column_mask(facts.policy, facts.principal, facts.labels(column)) if column.schema else None
        for column in columns
    }
    tokens = _tokens(facts, masks)
    found = []
    for each in facts.analysis.inputs:
        mask = masks[each.column]
        if mask is None:
            continue
        labels = tuple(sorted(facts.labels(each.column).labels))
        known = [facts.policy.labels[label] for label in labels if label in facts.policy.labels]
        shown = dict.fromkeys((mask, *(label.mask for label in known))) if each.use is Use.WRITTEN else {}
        only = each.use is Use.EQUALITY and each.number > 0 and each.column in uses.by_token
        ref: RuleRef | None = next((label.ref for label in known if not label.clears(facts.principal)), None)
        found.append(InputRule(each, labels, tuple(shown), tokens.get(each.number), only, ref))
    return tuple(found)


def _tokens(facts: Touched, masks: Masks) -> dict[int, Mask]:
    """Parameters whose tokens stand for their values, and by which mask."""
    by_number: dict[int, set[Mask | None]] = {}
    for each in facts.analysis.inputs:
        if each.number:
            by_number.setdefault(each.number, set()).add(masks[each.column])
    return {
        number: mask
        for number, found in by_number.items()
        if number not in facts.analysis.elsewhere
        and len(found) == 1
        and (mask := next(iter(found))) is not None
        and mask.kind == TOKEN
    }
