"""The judge's answers in words: `read masks=-,ssn`, `delete hold ; deny`, `set=search_path:s9`, `execute=s`.

One item per statement, with a ` ; ` between them. The first word says what the statement is; the others what policy
says of it. Without one it is allowed, its errors are not scrubbed, and its one output is clear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from pgmaskproxy.model import (
    NULL_MASK,
    Analysis,
    ApprovalTerms,
    ColumnRef,
    ColumnUse,
    CopyLayout,
    CopyShape,
    Decision,
    Effect,
    Input,
    InputRule,
    Mask,
    NameUse,
    NameVerb,
    Outcome,
    Refusal,
    RuleRef,
    Ruling,
    Setting,
    Statement,
    TransactionVerb,
    Unmask,
    UnmaskedOutput,
    Use,
    Visibility,
)

SSN_COLUMN = ColumnRef("public", "customers", "ssn")
SSN = Mask("redact", "ssn")
MASKS = {"-": None, "ssn": SSN, "null": NULL_MASK, "email": Mask("email", "email")}
UNPROVEN = Refusal("42501", "what this shows is not proven", unproven=True)
DENIED = Refusal("42501", "permission denied by policy", rule=RuleRef("no-secrets", "policy.yaml", 7))
TERMS = ApprovalTerms(RuleRef("ask-first"), ("dba",))
PATH = ("pg_catalog", "public")
LAYOUTS = {
    "text": CopyLayout(),
    "binary": CopyLayout("binary"),
    "csv": CopyLayout("csv", ",", "", header=True),
}

_STATEMENTS: dict[str, tuple[str, frozenset[Effect]]] = {
    "read": ("SelectStmt", frozenset({Effect.READ})),
    "write": ("InsertStmt", frozenset({Effect.WRITE})),
    "delete": ("DeleteStmt", frozenset({Effect.WRITE})),
    "ddl": ("CreateStmt", frozenset({Effect.DDL})),
    "call": ("CallStmt", frozenset({Effect.ROUTINE})),
    "set": ("VariableSetStmt", frozenset({Effect.SESSION})),
    "settransaction": ("VariableSetStmt", frozenset({Effect.TRANSACTION})),
    "empty": ("", frozenset()),
    "unread": ("unread", frozenset({Effect.UNKNOWN})),
    "listen": ("ListenStmt", frozenset({Effect.SESSION})),
    "copyother": ("CopyStmt", frozenset({Effect.EXPORT})),
    "copyout": ("CopyStmt", frozenset({Effect.READ})),
    "copyin": ("CopyStmt", frozenset({Effect.WRITE})),
    "discard": ("DiscardStmt", frozenset({Effect.SESSION})),
}
_MOVING = frozenset({"ddl", "call", "set", "settransaction", "discard"})
_PREPARE = {NameVerb.PREPARE, NameVerb.DECLARE, NameVerb.EXECUTE, NameVerb.FETCH}


def visibility(known: str = "1") -> Visibility:
    """Relation 1 is `customers`: id, name, ssn; its third column is labelled."""
    return Visibility(frozenset(int(oid) for oid in known.split(",")), {(1, 3): SSN})


def parts(sql: str, *, several: bool) -> Iterator[tuple[str, int]]:
    """The statements of a text and where they begin; no test of the session has a semicolon inside a literal."""
    if not several:
        yield sql, 0
        return
    at = 0
    for part in sql.split(";"):
        if part.strip():
            yield part.strip(), at + len(part) - len(part.lstrip())
        at += len(part) + 1


def rulings(statement: Statement, words: Sequence[str]) -> tuple[Ruling, ...]:
    """The rulings on what was asked, one for each of its statements."""
    if words == ["none"]:
        return ()
    items = " ".join(words).split(" ; ")
    found = list(parts(statement.sql, several=not statement.extended))
    assert len(found) == len(items), f"{len(found)} statements, {len(items)} rulings"
    return tuple(
        _ruling(item.split(), sql, offset, statement) for item, (sql, offset) in zip(items, found, strict=True)
    )


def _ruling(words: Sequence[str], sql: str, offset: int, statement: Statement) -> Ruling:
    options = dict(word.partition("=")[::2] for word in words)
    first, _, argument = words[0].partition("=")
    names: NameUse | None = None
    transaction = TransactionVerb(first) if first in TransactionVerb._value2member_map_ else None
    if transaction is not None:
        kind, effects = "TransactionStmt", frozenset({Effect.TRANSACTION})
    elif first in _STATEMENTS:
        kind, effects = _STATEMENTS[first]
    else:
        kind, effects = f"{first.title()}Stmt", frozenset({Effect.READ})
    if first in NameVerb._value2member_map_:
        verb = NameVerb(first)
        all_of_them = argument in {"", "*"}
        names = NameUse(
            verb, None if all_of_them else argument, holdable="holdable" in options, binary="binary" in options
        )
    if "into" in options:
        effects |= {Effect.DDL}
    if "writes" in options:
        effects |= {Effect.WRITE}
    settings: tuple[Setting, ...] = ()
    if first == "set":
        name, _, value = argument.partition(":")
        settings = (Setting(name, value or None, local="local" in options, constant=value != "?"),)
    copies = "copyout" in options or "copyin" in options
    masks = options.get("masks", "-" if first == "read" or (names and names.verb in _PREPARE) else "")
    columns = masks.count(",") + 1
    analysis = Analysis(
        kind,
        effects,
        redacted=sql,
        names=names,
        inner=options.get("inner", "").replace("_", " ") or None,
        copy=CopyShape(first == "copyout", f"SELECT {columns} COLUMNS", columns, LAYOUTS[options.get("layout", "text")])
        if copies
        else None,
        settings=settings,
        opaque="f()" if "opaque" in options else "",
        transaction=transaction,
        channel=argument or None if first == "listen" else None,
        parameters=int(options.get("parameters", 0)),
        first_parameter=(2, int(options["at"])) if "at" in options else (1, 0),
        uses=(ColumnUse(SSN_COLUMN, Use.EXPRESSION, "the select list"),) if "expression" in options else (),
        moves_names=transaction is not None or first in _MOVING or "moves" in options,
    )
    general = "general" in options
    if general:
        analysis = _one_for_all(replace(analysis, redacted=""))
    epoch, path = int(options.get("epoch", 1)), statement.search_path
    decision = _decision(options, masks)
    return Ruling(sql, offset, analysis, decision, epoch, path, unmask=statement.unmask, general=general)


@cache
def _one_for_all(analysis: Analysis) -> Analysis:
    """The same object for all that are equal, as the judge has it of texts that differ in constants only."""
    return analysis


def _decision(options: dict[str, str], masks: str) -> Decision:
    outcome = (
        Outcome.HOLD if "hold" in options else Outcome.DENY if {"deny", "unproven"} & set(options) else Outcome.ALLOW
    )
    return Decision(
        outcome,
        refusal=UNPROVEN if "unproven" in options else DENIED if outcome is Outcome.DENY else None,
        masks=None if masks == "?" else tuple(MASKS[word] for word in masks.split(",") if word),
        terms=(TERMS,) if outcome is Outcome.HOLD else (),
        scrub="scrub" in options,
        cleared=(SSN_COLUMN,) if "cleared" in options else (),
        labels=("ssn",) if {"cleared", "expression"} & set(options) else (),
        policy_version=options.get("version", "v1"),
        transparent=options.get("transparent") == "",
        inputs=_inputs(options.get("inputs", "")),
        unmask=_unmask(options) if outcome is Outcome.HOLD and "unmask" in options else None,
    )


def _unmask(options: dict[str, str]) -> Unmask:
    """`unmask=1 rows=2`: the output at 1 (from 0), which is customers.ssn, in two rows."""
    ordinals = [int(word) for word in options["unmask"].split(",")]
    number = int(options.get("number", 3))
    outputs = tuple(UnmaskedOutput(ordinal, SSN_COLUMN, 1, number) for ordinal in ordinals)
    return Unmask(outputs, int(options.get("rows", 2)))


def _inputs(words: str) -> tuple[InputRule, ...]:
    """What is said of $1, which meets the labelled column: `token`, `only` tokens, `written`; `***` is a literal."""
    if not words:
        return ()
    use = Use.WRITTEN if {"written", "***"} & set(words.split(",")) else Use.EQUALITY
    literal = "***" if "***" in words else ""
    given = Input(SSN_COLUMN, use, "WHERE", 0 if literal else 1, literal, type_oid=25)
    token = Mask("token", "ssn") if "token" in words else None
    return (InputRule(given, ("ssn",), (SSN,), token, tokens_only="only" in words),)
