"""A statement's text on both ways: what may be read at all, what cannot be carried, what goes upstream."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pgmaskproxy.model import CopyShape, Outcome, Refusal, Ruling
from pgmaskproxy.session.link import Limits
from pgmaskproxy.session.scrub import LEVELS
from pgmaskproxy.session.wish import UNMASK

MIN_MESSAGES: Final = "client_min_messages"
DEFAULT_MIN_MESSAGES: Final = "notice"
REASON: Final = "pgmaskproxy.reason"


def too_long(size: int, limits: Limits) -> Refusal:
    """54000: how long it is, how long it may be, and what to do instead."""
    return Refusal(
        "54000",
        "statement is too long",
        detail=f"It has {size} bytes; the limit is {limits.statement_bytes}.",
        hint="Send values as parameters instead of literals, or rows by COPY FROM STDIN.",
        facts=(("why", "too_long"), ("bytes", size), ("limit", limits.statement_bytes)),
    )


def sql_of(query: bytes, limits: Limits) -> str | Refusal:
    """The text; 54000 when it is too long, 22021 when it is not UTF-8."""
    if len(query) > limits.statement_bytes:
        return too_long(len(query), limits)
    try:
        return query.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refusal(
            "22021",
            f'invalid byte sequence for encoding "UTF8": 0x{query[error.start]:02x}',
            hint="The proxy works in UTF8 only: set client_encoding to UTF8.",
        )


def upstream_text(ruling: Ruling, query: bytes) -> bytes:
    """What is sent for this statement: the client's own text, but for the one setting that is virtual.

    The server's client_min_messages stays at log, or its trees would not come (DESIGN 3d); the
    client's is kept in a placeholder, so that the answer is the server's own.
    """
    settings = ruling.analysis.settings
    if ruling.decision.transparent or len(settings) != 1 or settings[0].name.lower() != MIN_MESSAGES:
        return query
    value = (settings[0].value or DEFAULT_MIN_MESSAGES).lower()
    return f"SET pgmaskproxy.{MIN_MESSAGES} = '{value}'".encode()


def supported(ruling: Ruling) -> Ruling:
    """The ruling, or one that refuses what no policy may allow since the session cannot carry it."""
    refusal = _unsupported(ruling) if not ruling.decision.transparent else None
    before = ruling.decision.refusal
    if refusal is None or (before is not None and not before.unproven):
        return ruling
    return replace(ruling, decision=replace(ruling.decision, outcome=Outcome.DENY, refusal=refusal, terms=()))


def _no_such_copy(copy: CopyShape | None) -> Refusal:
    if copy is None:
        return Refusal(
            "0A000",
            "COPY of a file or program is not supported",
            hint="Use COPY ... TO STDOUT or COPY ... FROM STDIN; in psql, \\copy does.",
            facts=(("why", "unsupported"), ("construct", "COPY of a file or program")),
        )
    if "ENCODING" in copy.unsupported:
        hint = "The proxy works in UTF8 only: leave ENCODING out, and convert what is copied on your side."
    else:
        hint = (
            "COPY ... TO STDOUT takes FORMAT text, csv or binary, DELIMITER, NULL, HEADER, QUOTE, ESCAPE and"
            " FORCE_QUOTE; COPY ... FROM STDIN all that the server does."
        )
    construct = f"COPY with {copy.unsupported}"
    facts = (("why", "unsupported"), ("construct", construct))
    return Refusal("0A000", f"{construct} is not supported", hint=hint, facts=facts)


def _unsupported(ruling: Ruling) -> Refusal | None:
    analysis = ruling.analysis
    if analysis.kind == "ListenStmt" and analysis.channel is None:
        return Refusal("0A000", "this form of LISTEN is not supported: its channel cannot be told")
    if analysis.kind == "CopyStmt" and (analysis.copy is None or analysis.copy.unsupported):
        return _no_such_copy(analysis.copy)
    for setting in analysis.settings:
        name = setting.name.lower()
        if name not in {MIN_MESSAGES, UNMASK}:
            continue
        if analysis.kind != "VariableSetStmt" or not setting.constant:
            return Refusal("42501", f"{name} can only be changed by SET")
        if name == MIN_MESSAGES and setting.value is not None and setting.value.lower() not in LEVELS:
            return Refusal("22023", f'invalid value for parameter "{MIN_MESSAGES}": "{setting.value}"')
    return None
