"""The events, one constructor each: what is recorded of what happens, never a value.

SQL is redacted, masks and labels are named, numbers are whole (seconds become microseconds). The
events of a request are made by `approval.events`, those of a chain by `chain` and `log`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pgmaskproxy.model import Analysis, AuditEvent, Decision, JsonValue, Principal

KINDS: Final[Mapping[str, str]] = {
    "chain.started": "the first record: writer, format and version",
    "chain.recovered": "an unfinished last line was set aside at start",
    "server.started": "the proxy takes connections",
    "server.stopped": "the proxy has ended, and why",
    "policy.reloaded": "another policy is in force, or a bad one was not taken",
    "keys.in_force": "masks are made with other keys than before: which, by name, version and fingerprint",
    "catalog.refreshed": "the database's catalog was read",
    "label.drifted": "what the labels go by has moved under them: a rename, a link that is gone, a new column",
    "session.opened": "a client has logged in",
    "session.refused": "a client was not let in",
    "session.closed": "a client has gone, and why",
    "session.cancelled": "a client asked to cancel what runs or is held",
    "canary.watched": "what is looked for in what is sent has changed",
    "canary.seen": "a planted value was about to be sent to somebody who is not cleared for it: the session was ended",
    "statement.decided": "a statement was judged",
    "statement.executing": "a statement is about to be sent to the server",
    "statement.finished": "what came of it: rows, masked cells, bytes, time, or an error",
    "approval.requested": "a statement waits for people",
    "approval.voted": "somebody entitled answered",
    "approval.vote_refused": "somebody who may not decide tried to",
    "approval.approved": "everyone asked agreed",
    "approval.rejected": "somebody asked refused",
    "approval.expired": "nobody decided, or nothing ran, in time",
    "approval.withdrawn": "the client went away, or the proxy did",
    "approval.cancelled": "the client cancelled it",
    "approval.released": "the statement was handed over to run, once",
    "approval.release_refused": "a session asked to run what may not run",
    "approval.not_stored": "the records just before did not come true",
    "notification.attempted": "a channel is about to be told",
    "notification.settled": "what came of telling a channel",
    "person.signed_in": "a person proved who they are",
    "person.refused": "a sign-in failed",
    "token.created": "a person made a token",
    "token.revoked": "a person revoked a token",
}
"""Every kind there is, in words."""


def server_started(version: str, policy_version: str, listen: str, upstream: str) -> AuditEvent:
    """`server.started`."""
    return AuditEvent(
        "server.started",
        data={"version": version, "policy_version": policy_version, "listen": listen, "upstream": upstream},
    )


def server_stopped(why: str) -> AuditEvent:
    """`server.stopped`."""
    return AuditEvent("server.stopped", data={"why": why})


def worker_started(worker: int, pid: int, writer: str) -> AuditEvent:
    """`worker.started`: a process that takes clients, and whose chain is `writer`'s."""
    return AuditEvent("worker.started", data={"worker": worker, "pid": pid, "writer": writer})


def worker_ended(worker: int, pid: int, writer: str, why: str) -> AuditEvent:
    """`worker.ended`: with all sessions that it had."""
    return AuditEvent("worker.ended", data={"worker": worker, "pid": pid, "writer": writer, "why": why})


def policy_reloaded(version: str, *, taken: bool, problems: int = 0) -> AuditEvent:
    """`policy.reloaded`: `version` is the one in force afterwards."""
    return AuditEvent("policy.reloaded", data={"policy_version": version, "taken": taken, "problems": problems})


def keys_in_force(keys: Sequence[str], gone: Sequence[str]) -> AuditEvent:
    """`keys.in_force`: all there are, and those that were there before and are not any more, each as
    `name/version fingerprint`."""
    return AuditEvent("keys.in_force", data={"keys": list(keys), "gone": list(gone)})


def catalog_refreshed(database: str, relations: int, labelled: int, epoch: int) -> AuditEvent:
    """`catalog.refreshed`: how many relations there are, and how many columns are labelled."""
    return AuditEvent(
        "catalog.refreshed",
        data={"database": database, "relations": relations, "labelled": labelled, "epoch": epoch},
    )


def label_drifted(database: str, kind: str, column: str, before: str, labels: Sequence[str]) -> AuditEvent:
    """`label.drifted`: `before` is the column's name when it was last reviewed."""
    return AuditEvent(
        "label.drifted",
        data={"database": database, "kind": kind, "column": column, "before": before, "labels": list(labels)},
    )


def session_opened(session: str, principal: Principal, database: str, application: str, tls: str = "") -> AuditEvent:
    """`session.opened`. `tls` is the version, '' for none."""
    return AuditEvent(
        "session.opened",
        session=session,
        principal=principal.name,
        data={
            "kind": principal.kind.value,
            "owner": principal.owner,
            "person": principal.person,
            "groups": [*sorted(principal.groups)],
            "authenticated_by": principal.authenticated_by,
            "address": principal.address,
            "database": database,
            "application": application[:64],
            "tls": tls,
        },
    )


def session_refused(session: str, user: str, address: str, sqlstate: str, reason: str) -> AuditEvent:
    """`session.refused`: `user` is what the client claimed, `reason` what it was not told."""
    return AuditEvent(
        "session.refused",
        session=session,
        data={"user": user[:64], "address": address, "sqlstate": sqlstate, "reason": reason},
    )


def session_closed(session: str, principal: str, why: str, statements: int, sqlstate: str = "") -> AuditEvent:
    """`session.closed`."""
    return AuditEvent(
        "session.closed",
        session=session,
        principal=principal,
        data={"why": why, "statements": statements, "sqlstate": sqlstate},
    )


def session_cancelled(session: str, principal: str, address: str, request: str = "") -> AuditEvent:
    """`session.cancelled`: `request` where a held statement was cancelled."""
    return AuditEvent(
        "session.cancelled", session=session, principal=principal, request=request, data={"address": address}
    )


def canary_watched(watched: int, added: Sequence[str], retired: Sequence[str]) -> AuditEvent:
    """`canary.watched`: how many are looked for now; ids of those that are new, and that are not any more."""
    return AuditEvent("canary.watched", data={"watched": watched, "added": list(added), "retired": list(retired)})


def canary_seen(session: str, principal: str, *, database: str, canary: str, label: str, column: str) -> AuditEvent:
    """`canary.seen`: which one, by its id, and where it was planted; never its value."""
    return AuditEvent(
        "canary.seen",
        session=session,
        principal=principal,
        data={"database": database, "canary": canary, "label": label, "column": column},
    )


def statement_decided(
    session: str,
    statement: str,
    principal: str,
    *,
    database: str,
    role: str,
    analysis: Analysis,
    decision: Decision,
) -> AuditEvent:
    """`statement.decided`: what was asked (redacted), what policy says of it, and how each output is shown."""
    masks = decision.masks
    refusal = decision.refusal
    data: dict[str, JsonValue] = {
        "outcome": decision.outcome.value,
        "rules": [rule.id for rule in decision.rules],
        "reason": decision.reason,
        "policy_version": decision.policy_version,
        "database": database,
        "role": role,
        "kind": analysis.kind,
        "effects": [*sorted(effect.value for effect in analysis.effects)],
        "reads": [*sorted(str(relation) for relation in analysis.reads)],
        "writes": [*sorted(str(relation) for relation in analysis.writes)],
        "sql": analysis.redacted,
        "labels": list(decision.labels),
        "cleared": [*sorted(str(column) for column in decision.cleared)],
        "masks": None if masks is None else [None if mask is None else str(mask) for mask in masks],
        "sqlstate": "" if refusal is None else refusal.sqlstate,
    }
    return AuditEvent("statement.decided", session=session, statement=statement, principal=principal, data=data)


def statement_executing(
    session: str,
    statement: str,
    principal: str,
    *,
    masked: Sequence[str | None],
    conflicts: int,
    request: str = "",
    unmask: Sequence[str] = (),
    unmask_rows: int = 0,
) -> AuditEvent:
    """`statement.executing`: the plan that its rows will go through, per output, as both witnesses agreed. `unmask` are
    the columns that are shown as they are in the first rows, since `request` was approved; in later ones not."""
    return AuditEvent(
        "statement.executing",
        session=session,
        statement=statement,
        request=request,
        principal=principal,
        data={
            "masks": list(masked),
            "conflicts": conflicts,
            **({"unmask": list(unmask), "unmask_rows": unmask_rows} if unmask else {}),
        },
    )


def person_signed_in(person: str, address: str, how: str) -> AuditEvent:
    """`person.signed_in`: `how` is `token` or `password`."""
    return AuditEvent("person.signed_in", principal=person, data={"address": address, "how": how})


def person_refused(claimed: str, address: str, why: str) -> AuditEvent:
    """`person.refused`: `claimed` is the name that was given, if any."""
    return AuditEvent("person.refused", data={"claimed": claimed[:64], "address": address, "why": why})


def token_created(person: str, token_id: str, expires: float) -> AuditEvent:
    """`token.created`: `expires` in Unix seconds."""
    return AuditEvent("token.created", principal=person, data={"token": token_id, "expires": int(expires)})


def token_revoked(person: str, token_id: str) -> AuditEvent:
    """`token.revoked`."""
    return AuditEvent("token.revoked", principal=person, data={"token": token_id})
