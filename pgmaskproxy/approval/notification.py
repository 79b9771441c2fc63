"""What channels are told: never a parameter or a labelled literal, only what is fit for a chat room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.approval.summary import summarize
from pgmaskproxy.model import JsonValue

LONGEST_SQL: Final = 8000
"""Characters: a chat room takes no more, and the link shows the rest."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message. `id` stays the same over retries, so that a receiver can tell a repeat."""

    id: str
    type: str
    """`approval.requested`, `approval.approved`, `approval.rejected`..."""
    at: float
    """Unix seconds of what it tells."""
    useless_after: float
    """Unix seconds; a retry after this tells nobody anything."""
    data: Mapping[str, JsonValue]


def notification_data(request: ApprovalRequest, link: str) -> dict[str, JsonValue]:
    """What may be told of a request: who asks for what under which rule, and where to decide.

    `sql` has every literal redacted; `summary` (see `approval.summary`) shows those of a statement that touches no
    labelled column.
    """
    return {
        "id": request.id,
        "state": request.state.value,
        "principal": request.principal,
        "kind": request.kind,
        "owner": request.owner,
        "database": request.database,
        "role": request.role,
        "rules": [rule.id for rule in request.rules],
        "card": request.card,
        "labels": list(request.labels),
        "relations": list(request.relations),
        "effects": list(request.effects),
        "sql": request.redacted if len(request.redacted) <= LONGEST_SQL else request.redacted[:LONGEST_SQL] + "…",
        "unmask": list(request.unmask),
        "unmask_rows": request.unmask_rows,
        "parameters": len(request.parameters),
        "groups": list(request.groups),
        "deadline": int(request.deadline),
        "decided_by": [vote.person for vote in request.votes],
        "votes": [{"person": vote.person, "approve": vote.approve, "reason": vote.reason} for vote in request.votes],
        "summary": summarize(request).as_json(),
        "link": link,
    }
