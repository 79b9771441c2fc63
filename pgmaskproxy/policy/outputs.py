"""Which mask each output wears, by the text's word and by the server's (POLICY.md 3, DESIGN 3b)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pgmaskproxy.model import (
    NULL_MASK,
    ROW,
    ColumnLabels,
    ColumnOrigin,
    ColumnRef,
    Columns,
    Constant,
    Mask,
    Opaque,
    Principal,
    Use,
    Visibility,
)
from pgmaskproxy.policy.facts import EXPLAIN, Labelling, Touched
from pgmaskproxy.policy.rules import DETERMINISTIC, STRENGTH, TOKEN, Policy

_NO_LIST: Final = frozenset({EXPLAIN, "VariableShowStmt"})
"""Utility statements whose outputs are the server's own words and never a row's."""
_COMPUTES: Final = frozenset({Use.EXPRESSION})
"""Uses that make a value out of a column's. No label allows them: what is not NULL a person has agreed to."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The masks of a statement's outputs, as `Decision` carries them."""

    masks: tuple[Mask | None, ...] | None
    cleared: tuple[ColumnRef, ...] = ()


def judge_outputs(facts: Touched, nulls: frozenset[ColumnRef] = frozenset()) -> Outputs:
    """The mask of every output. Whether an opaque statement may run at all is the engine's to say.

    What is computed from one of `nulls` is NULL; what is computed from any other labelled column is shown, since its
    use was judged: a person agrees to it.
    """
    analysis = facts.analysis
    if analysis.kind in _NO_LIST:
        # SHOW ALL is the one with three columns: name, setting, description.
        wide = analysis.kind != EXPLAIN and analysis.canonical.strip().rstrip(";").upper() == "SHOW ALL"
        return Outputs((None,) * (3 if wide else 1))
    if analysis.outputs is None:
        return Outputs(None)
    masks = tuple(_origin_mask(facts, origin, nulls) for origin in analysis.outputs)
    cleared = {
        column
        for origin in analysis.outputs
        if isinstance(origin, Columns | Constant)
        for column in origin.columns
        if (labels := facts.labels(column).labels) and facts.clears(labels)
    }
    return Outputs(masks, tuple(sorted(cleared)))


def mixed_outputs(facts: Touched) -> list[ColumnRef]:
    """Masked columns that share an output with the statement's own values: a code book in the making (DESIGN 3b).

    RETURNING of a column that the statement writes is such an output too, and of every INSERT: it is not refused, a
    mask that depends on the value is null there.
    """
    written = facts.written
    return sorted(
        column
        for origin in facts.analysis.outputs or ()
        if isinstance(origin, Columns) and not origin.pure and not origin.columns & written
        for column in origin.columns
        if column_mask(facts.policy, facts.principal, facts.labels(column)) is not None
    )


def visibility(  # noqa: PLR0917
    policy: Policy,
    principal: Principal,
    columns: Mapping[tuple[int, int], ColumnRef],
    relations: frozenset[int],
    labelling: Labelling,
    epoch: int = 0,
) -> Visibility:
    """What the server's (OID, column number) means for `principal`.

    `columns` is the catalog's, `relations` every OID it knows. Column number 0, a whole row, is
    NULL wherever one column of the relation is masked.
    """
    if is_transparent(policy, labelling):
        return Visibility(relations, {}, epoch, transparent=True)
    masks: dict[tuple[int, int], Mask] = {}
    for (oid, number), column in columns.items():
        labels = labelling.get(column)
        mask = None if labels is None else column_mask(policy, principal, labels)
        if mask is not None:
            masks[(oid, number)] = mask
            masks[(oid, 0)] = NULL_MASK
    return Visibility(relations, masks, epoch)


def is_transparent(policy: Policy, labelling: Labelling) -> bool:
    """Whether everything passes as it is: the policy says so, and nothing anywhere is labelled.

    The loader lets no policy say so that has labels; this does not rely on it, nor on where labels come from.
    """
    return policy.transparent is not None and not policy.labels and not policy.rules and not labelling


def column_mask(policy: Policy, principal: Principal, labels: ColumnLabels) -> Mask | None:
    """How a column with `labels` is shown to `principal`; None is as it is."""
    if not labels.labels:
        return None
    known = [policy.labels[label] for label in sorted(labels.labels) if label in policy.labels]
    if len(known) == len(labels.labels) and all(label.clears(principal) for label in known):
        return None
    strongest = strongest_mask(label.mask for label in known)
    if strongest is None or len(known) < len(labels.labels):
        return NULL_MASK
    if labels.derived:
        return _null(strongest)
    # A token stands for its value wherever the proxy takes it back: in columns that are as sensitive, no others.
    return replace(strongest, label=", ".join(sorted(labels.labels))) if strongest.kind == TOKEN else strongest


def strongest_mask(masks: Iterable[Mask]) -> Mask | None:
    """The strongest of `masks`, by `STRENGTH`; null where several of that kind have different parameters."""
    ranked = sorted(masks, key=lambda mask: (_rank(mask), mask.label))
    if not ranked:
        return None
    best = [mask for mask in ranked if _rank(mask) == _rank(ranked[0])]
    if best[0].kind not in STRENGTH or (
        best[0].kind in DETERMINISTIC and any(mask.params != best[0].params for mask in best)
    ):
        return _null(best[0])
    return best[0]


def _rank(mask: Mask) -> int:
    return STRENGTH.index(mask.kind) if mask.kind in STRENGTH else 0


def _null(mask: Mask) -> Mask:
    return Mask("null", mask.label)


def _origin_mask(facts: Touched, origin: ColumnOrigin, nulls: frozenset[ColumnRef]) -> Mask | None:
    match origin:
        case Opaque():
            return NULL_MASK
        case Constant(columns, bare):
            if any(column_mask(facts.policy, facts.principal, facts.labels(column)) is not None for column in bare):
                return NULL_MASK  # what anybody agreed to was a use of it, and not to see it
            return NULL_MASK if any(column in nulls or _unexplained(facts, column) for column in columns) else None
        case Columns(columns, pure, whole, row):
            return _row_mask(facts, columns, row) if whole else _columns_mask(facts, columns, pure=pure)


def _unexplained(facts: Touched, column: ColumnRef) -> bool:
    """Whether a labelled column flows into an expression without a use that could have shown it, and was judged."""
    if not column.schema:
        return True
    if facts.clears(facts.labels(column).labels):
        return False
    return not any(use.column == column and use.use in _COMPUTES for use in facts.analysis.uses)


def _row_mask(facts: Touched, columns: frozenset[ColumnRef], row: tuple[ColumnRef, ...]) -> Mask | None:
    """A relation's row: field by field where it is nothing else; null where it may be, unless nothing in it is masked.

    What the statement writes itself would be a code book here too.
    """
    if any(not column.schema for column in columns):
        return NULL_MASK
    fields = [(str(at), mask) for at, column in enumerate(row, 1) if (mask := _field_mask(facts, column)) is not None]
    if row:
        return Mask(ROW, "", (("columns", len(row)), ("fields", tuple(fields)))) if fields else None
    masks = [column_mask(facts.policy, facts.principal, facts.labels(column)) for column in columns]
    return None if all(mask is None for mask in masks) else NULL_MASK


def _field_mask(facts: Touched, column: ColumnRef) -> Mask | None:
    mask = column_mask(facts.policy, facts.principal, facts.labels(column))
    if mask is not None and mask.kind in DETERMINISTIC and column in facts.chosen():
        return _null(mask)
    return mask


def _shape(mask: Mask | None) -> Mask | tuple[str, object] | None:
    """What must be the same of all columns of an output. A mask that depends on the value is one with its label: a
    keyed one has a key for each, and what any of them shows is only meant for its own."""
    if mask is None or mask.kind in DETERMINISTIC:
        return mask
    return mask.kind, mask.params


def _columns_mask(facts: Touched, columns: frozenset[ColumnRef], *, pure: bool) -> Mask | None:
    if not columns or any(not column.schema for column in columns):
        return NULL_MASK
    masks = [column_mask(facts.policy, facts.principal, facts.labels(column)) for column in sorted(columns)]
    some = [mask for mask in masks if mask is not None]
    if not some:
        return None
    shapes = {_shape(mask) for mask in masks}
    if len(shapes) > 1:
        return NULL_MASK
    # A mask that depends on the value is a code book where the client put values in itself (DESIGN 3b).
    if some[0].kind in DETERMINISTIC and (not pure or columns & facts.chosen()):
        return _null(some[0])
    return min(some, key=lambda mask: mask.label)
