"""The text's word on a statement against the server's tree: the text may concede, it may not contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnOrigin,
    ColumnRef,
    Columns,
    Effect,
    Opaque,
    Use,
)
from pgmaskproxy.sql.attest.attestation import Attestation
from pgmaskproxy.sql.attest.labelling import LabelledOutput, Labels, Shown

OPTIONAL: Final = frozenset({Use.COUNT, Use.EQUALITY, Use.JOIN, Use.NULL_TEST})
"""Uses that a label may allow while it forbids the others."""

_NONE: Final = ColumnLabels(frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """One statement's comparison."""

    contradictions: tuple[str, ...] = ()
    concedes: str = ""
    """Why the text gave up, where it did."""
    differs: tuple[str, ...] = ()
    """Uses that both see under different names, both of them refused by default."""
    touches: bool = False
    """Whether any labelled column is shown or used, by the tree's word."""


def compare(
    text: Analysis,
    tree: Attestation,
    labels: Labels,
    labelling: Mapping[ColumnRef, ColumnLabels],
    *,
    through_view: bool = False,
) -> Verdict:
    """The verdict on one statement. `labels` and `labelling` are the same closure, by OID and by name.

    `through_view`: it writes a view. The rewriter puts the view's own conditions among the statement's, where the tree
    no longer tells whose they are; the text speaks of the statement's only.
    """
    shown = [labels.output(output) for output in tree.outputs]
    uses = labels.uses(tree, views=False)
    touches = bool(uses) or any(output.shown is not Shown.CLEAN for output in shown)
    if text.opaque or Effect.UNKNOWN in text.effects:
        return Verdict(concedes=text.opaque or "unknown effects", touches=touches)
    found: list[str] = []
    concedes = ""
    if text.kind == "CreateTableAsStmt":  # its rows go nowhere but into the table
        shown = []
    if text.outputs is None:
        concedes = "outputs of unknown number"
    elif len(text.outputs) != len(shown):
        found.append(f"the text has {len(text.outputs)} outputs, the tree {len(shown)}")
    for number, (ours, theirs) in enumerate(zip(text.outputs or (), shown, strict=False), 1):
        if isinstance(ours, Opaque):
            concedes = ours.reason
            continue
        wrong = _output(ours, theirs, labelling, whole_row=tree.outputs[number - 1].whole_row)
        if wrong:
            found.append(f"output {number}: {wrong}")
    kinds: dict[str, set[Use]] = {}
    for one in text.uses:
        for label in labelling.get(one.column, _NONE).labels:
            kinds.setdefault(label, set()).add(one.use)
    differs: list[str] = []
    for use in uses:
        for label in sorted(labels.of(use.column)):
            said = kinds.get(label, set())
            if use.use in said:
                continue
            what = f"{use.use.name} of {label} ({use.where}), which the text has as {_names(said)}"
            refused = said - OPTIONAL - {Use.WRITTEN}
            (differs if through_view or (refused and use.use is not Use.WRITTEN) else found).append(what)
    return Verdict(tuple(dict.fromkeys(found)), concedes, tuple(dict.fromkeys(differs)), touches)


def _output(
    ours: ColumnOrigin, theirs: LabelledOutput, labelling: Mapping[ColumnRef, ColumnLabels], *, whole_row: bool
) -> str:
    """How the text's word on one output falls short of the tree's, '' when it does not."""
    if isinstance(ours, Opaque) or theirs.shown is Shown.CLEAN:
        return ""
    if theirs.shown is Shown.UNKNOWN:
        return "a column that the catalog does not have"
    each = [labelling.get(column, _NONE) for column in ours.columns]
    labels = frozenset().union(*(one.labels for one in each))
    if not labels >= theirs.labels:
        return f"{theirs.shown.value}, {_names(theirs.labels)}; in the text {_names(labels)}"
    # A whole row is masked as one value by every witness: nothing that is made for its columns fits.
    if whole_row or not isinstance(ours, Columns) or any(one.derived for one in each):
        return ""
    if theirs.shown is Shown.DERIVED and ours.pure:
        return f"derived from {_names(theirs.labels)}; bare in the text"
    alike = ours.pure and all(one.labels == labels for one in each)
    return (
        f"{_names(theirs.labels)} beside something else; pure in the text"
        if alike and theirs.shown is Shown.MIXED
        else ""
    )


def _names(found: frozenset[str] | set[Use]) -> str:
    return " ".join(sorted(str(one) for one in found)) or "nothing"
