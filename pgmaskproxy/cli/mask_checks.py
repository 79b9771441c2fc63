"""Labels whose mask a column's type cannot carry: it is NULL there, and whoever wrote the policy should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pgmaskproxy.mask.kinds import why_null
from pgmaskproxy.mask.token import token_length
from pgmaskproxy.mask.types import TEXTS, Shape, shape_of
from pgmaskproxy.model import ColumnLabels, ColumnRef, Mask, RuleRef
from pgmaskproxy.policy.outputs import strongest_mask
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.sql.catalog import Catalog

NAMED: Final = 5
"""Columns that are named for one reason; the others are counted."""
HINT: Final = (
    'give these columns a label with a mask that their type can carry (docs/masking.md), or say `kind: "null"`'
)

Doubtful = tuple[str, str, RuleRef]
"""What is doubtful, what to do, and where the policy says so."""


def mask_findings(policy: Policy, catalog: Catalog, labelling: Mapping[ColumnRef, ColumnLabels]) -> Iterator[Doubtful]:
    """One for each label and reason, with the columns that it is about."""
    found: dict[tuple[str, str], list[ColumnRef]] = {}
    for relation in catalog.relations:
        for column in relation.columns:
            ref = relation.column_ref(column)
            its = labelling.get(ref)
            known = (
                [policy.labels[name].mask for name in its.labels if name in policy.labels] if its is not None else []
            )
            mask = strongest_mask(known)
            if its is None or its.derived or mask is None:
                continue
            reason = _reason(mask, shape_of(column.type_oid, column.modifier, catalog.types_by_oid))
            if reason:
                found.setdefault((mask.label, reason), []).append(ref)
    for (label, reason), columns in sorted(found.items()):
        more = f" and {len(columns) - NAMED} more" if len(columns) > NAMED else ""
        names = ", ".join(str(column) for column in sorted(columns)[:NAMED])
        yield f'label "{label}": {reason}: {names}{more}', HINT, policy.labels[label].ref


def _reason(mask: Mask, shape: Shape) -> str:
    reason = why_null(mask, shape)
    if reason:
        return f"shown as NULL, since {reason}"
    if mask.kind == "token" and shape.family in TEXTS and shape.limit >= 0 and token_length(shape.limit) > shape.limit:
        longest = max(size for size in range(shape.limit) if token_length(size) <= shape.limit)
        return f"values of more than {longest} bytes are shown as NULL, since their token has no room"
    return ""
