"""What the audit log is told of a request: digests, labels, redacted SQL and people; never a value."""

from __future__ import annotations

from collections.abc import Sequence

from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.model import AuditEvent, JsonValue


def requested(request: ApprovalRequest) -> AuditEvent:
    """`approval.requested`: a statement waits for people."""
    return _event(
        "approval.requested",
        request,
        {
            "owner": request.owner,
            "person": request.person,
            "database": request.database,
            "role": request.role,
            "sql": request.redacted,
            "parameters": len(request.parameters),
            "rules": [rule.id for rule in request.rules],
            "labels": list(request.labels),
            "relations": list(request.relations),
            "effects": list(request.effects),
            "groups": list(request.groups),
            "terms": [
                {"rule": term.rule.id, "groups": list(term.groups), "quorum": term.quorum} for term in request.terms
            ],
            "policy_version": request.policy_version,
            "deadline": int(request.deadline),
            "digest": request.digest,
            **({"unmask": list(request.unmask), "unmask_rows": request.unmask_rows} if request.unmask else {}),
        },
    )


def voted(request: ApprovalRequest, person: str, groups: tuple[str, ...], *, approve: bool, reason: str) -> AuditEvent:
    """`approval.voted`: one entitled person's answer, with their own words."""
    return _event(
        "approval.voted",
        request,
        {
            "person": person,
            "groups": list(groups),
            "approve": approve,
            "reason": reason,
            "digest": request.digest,
        },
    )


def vote_refused(request: ApprovalRequest, person: str, *, approve: bool, why: str) -> AuditEvent:
    """`approval.vote_refused`: somebody who may not decide tried to."""
    return _event("approval.vote_refused", request, {"person": person, "approve": approve, "why": why})


def moved(request: ApprovalRequest, state: State, note: str = "") -> AuditEvent:
    """`approval.approved`, `.rejected`, `.expired`, `.withdrawn`, `.cancelled` or `.released`."""
    return _event(
        f"approval.{state.value}", request, {"from": request.state.value, "digest": request.digest, "note": note}
    )


def release_refused(request: ApprovalRequest, why: str) -> AuditEvent:
    """`approval.release_refused`: a session asked to run what may not run."""
    return _event("approval.release_refused", request, {"state": request.state.value, "why": why})


def not_stored(request_id: str, kinds: Sequence[str]) -> AuditEvent:
    """`approval.not_stored`: the records just before this one did not come true, the state could not be written."""
    return AuditEvent("approval.not_stored", request=request_id, data={"kinds": list(kinds)})


def _event(kind: str, request: ApprovalRequest, data: dict[str, JsonValue]) -> AuditEvent:
    return AuditEvent(
        kind,
        session=request.session,
        statement=request.statement,
        request=request.id,
        principal=request.principal,
        data=data,
    )
