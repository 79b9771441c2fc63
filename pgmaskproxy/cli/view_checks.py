"""Views that hold labelled columns against data of others: reading them is a use of those columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pgmaskproxy.cli.role_checks import Said
from pgmaskproxy.model import ColumnUse, RelationRef

HINT: Final = (
    "who may write the other side chooses what the column is compared with, so reading the view is refused as the "
    "comparison is: label the other side too, let the label's `uses` hold it, or, where nobody untrusted writes it, "
    "vouch for the view: trust.views: [{view}]"
)


def compared_findings(compared: Mapping[RelationRef, Sequence[ColumnUse]]) -> Iterator[Said]:
    """One for each view that is not vouched for, with what it does that counts (`sql/definitions`)."""
    for view, uses in sorted(compared.items()):
        columns = sorted({f"{use.column} ({use.use.value})" for use in uses})
        message = f"view {view} holds labelled columns against data without a label: {', '.join(columns)}"
        yield "warning", message, HINT.format(view=view)
