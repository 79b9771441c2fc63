"""Rows <-> nouns. The immutable part of a request is one JSON document; what changes or is searched has columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from sqlalchemy import RowMapping

from pgmaskproxy.approval.facts import Facts, TouchedColumn
from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.request import ApprovalRequest, State, Vote
from pgmaskproxy.model import ApprovalTerms, Parameter, RuleRef
from pgmaskproxy.store.protocol import Canary, OutboxItem, Token

Row: TypeAlias = Mapping[str, Any] | RowMapping
"""A database row by column name: the one place where types come from outside."""


def request_row(request: ApprovalRequest, writer: str) -> dict[str, Any]:
    """The `requests` row of a new request."""
    return {
        "id": request.id,
        "writer": writer,
        "state": request.state.value,
        "principal": request.principal,
        "owner": request.owner,
        "database": request.database,
        "rules": [rule.id for rule in request.rules],
        "groups": list(request.groups),
        "created": request.created,
        "deadline": request.deadline,
        "ended": request.ended,
        "note": request.note,
        "digest": request.digest,
        "body": {
            "session": request.session,
            "statement": request.statement,
            "person": request.person,
            "kind": request.kind,
            "address": request.address,
            "role": request.role,
            "search_path": list(request.search_path),
            "sql": request.sql,
            "redacted": request.redacted,
            "parameters": [[each.number, each.type_oid, each.text] for each in request.parameters],
            "policy_version": request.policy_version,
            "rules": [_rule_json(rule) for rule in request.rules],
            "labels": list(request.labels),
            "relations": list(request.relations),
            "shown": list(request.shown),
            "effects": list(request.effects),
            "card": request.card,
            "reason": request.reason,
            "terms": [_terms_json(term) for term in request.terms],
            "salt": request.salt,
            "facts": asdict(request.facts),
            "unmask": list(request.unmask),
            "unmask_rows": request.unmask_rows,
        },
    }


def request_from(row: Row, votes: Iterable[Row]) -> ApprovalRequest:
    """The request in a row and its vote rows, in the order they were cast."""
    body: Mapping[str, Any] = row["body"]
    return ApprovalRequest(
        id=row["id"],
        session=body["session"],
        statement=body["statement"],
        principal=row["principal"],
        owner=row["owner"],
        database=row["database"],
        role=body["role"],
        search_path=tuple(body["search_path"]),
        sql=body["sql"],
        redacted=body["redacted"],
        parameters=tuple(Parameter(number, type_oid, text) for number, type_oid, text in body["parameters"]),
        policy_version=body["policy_version"],
        rules=tuple(_rule_from(rule) for rule in body["rules"]),
        labels=tuple(body["labels"]),
        relations=tuple(body["relations"]),
        shown=tuple(body["shown"]),
        effects=tuple(body["effects"]),
        card=body["card"],
        reason=body["reason"],
        terms=tuple(_terms_from(term) for term in body["terms"]),
        created=row["created"],
        deadline=row["deadline"],
        digest=row["digest"],
        salt=body["salt"],
        person=body["person"],
        kind=body["kind"],
        address=body["address"],
        state=State(row["state"]),
        votes=tuple(vote_from(vote) for vote in votes),
        ended=row["ended"],
        note=row["note"],
        facts=_facts_from(body.get("facts", {})),
        unmask=tuple(body.get("unmask", ())),
        unmask_rows=body.get("unmask_rows", 0),
    )


def vote_row(request_id: str, vote: Vote) -> dict[str, Any]:
    """The `votes` row of a vote."""
    return {
        "request": request_id,
        "person": vote.person,
        "approve": vote.approve,
        "reason": vote.reason,
        "at": vote.at,
        "groups": list(vote.groups),
    }


def vote_from(row: Row) -> Vote:
    """The vote in a row."""
    return Vote(row["person"], row["approve"], row["reason"], row["at"], tuple(row["groups"]))


def token_row(token: Token) -> dict[str, Any]:
    """The `tokens` row of a token."""
    return {
        "id": token.id,
        "person": token.person,
        "hash": token.hash,
        "created": token.created,
        "expires": token.expires,
        "note": token.note,
        "revoked": token.revoked,
    }


def token_from(row: Row) -> Token:
    """The token in a row."""
    return Token(**row)


def canary_row(canary: Canary) -> dict[str, Any]:
    """The `canaries` row of a canary."""
    return {
        "id": canary.id,
        "value": canary.value,
        "label": canary.label,
        "database": canary.database,
        "column": canary.column,
        "planted": canary.planted,
        "retired": canary.retired,
    }


def canary_from(row: Row) -> Canary:
    """The canary in a row."""
    return Canary(**row)


def outbox_row(channel: str, notification: Notification) -> dict[str, Any]:
    """The `outbox` row of a notification that is due at once."""
    return {
        "channel": channel,
        "notification": notification.id,
        "type": notification.type,
        "at": notification.at,
        "useless_after": notification.useless_after,
        "data": dict(notification.data),
        "attempts": 0,
        "next_at": notification.at,
        "done": False,
        "detail": "",
    }


def outbox_from(row: Row, attempts: int) -> OutboxItem:
    """The outbox item in a row, for its `attempts`-th try."""
    notification = Notification(row["notification"], row["type"], row["at"], row["useless_after"], row["data"])
    return OutboxItem(row["id"], row["channel"], notification, attempts)


def _facts_from(value: Mapping[str, Any]) -> Facts:
    """Requests of before there were facts have none."""
    lists = {name: tuple(each) for name, each in value.items() if isinstance(each, list) and name != "columns"}
    columns = tuple(
        TouchedColumn(each["name"], tuple(each["labels"]), tuple(each["uses"])) for each in value.get("columns", ())
    )
    return Facts(**{**value, **lists, "columns": columns})


def _rule_json(rule: RuleRef) -> list[str | int]:
    return [rule.id, rule.file, rule.line]


def _rule_from(value: Any) -> RuleRef:
    rule_id, file, line = value
    return RuleRef(rule_id, file, line)


def _terms_json(term: ApprovalTerms) -> dict[str, Any]:
    return {
        "rule": _rule_json(term.rule),
        "groups": list(term.groups),
        "quorum": term.quorum,
        "deadline": term.deadline,
        "in_transaction": term.in_transaction,
        "reason_required": term.reason_required,
        "card": term.card,
    }


def _terms_from(value: Mapping[str, Any]) -> ApprovalTerms:
    fields = {**value, "rule": _rule_from(value["rule"]), "groups": tuple(value["groups"])}
    return ApprovalTerms(**fields)
