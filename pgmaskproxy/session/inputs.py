"""What a client gives beside labelled columns, before it goes upstream: tokens stand for their values there, and what a
mask has shown is not written back as a value.

The client's own message is kept for people and for what an approval is bound to: they see tokens, never values. A value
leaves for the server in Bind and nowhere else, and only by the strength of the server's own tree, which says that the
parameter stands in no place where its value could come out again (`sql/attest/inputs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from pgmaskproxy.mask.copyfields import copy_fields
from pgmaskproxy.mask.given import Unreadable, visited
from pgmaskproxy.mask.keys import DEFAULT_KEY, Keyring
from pgmaskproxy.mask.maskers import recognises
from pgmaskproxy.mask.token import ForgedToken, Tokens, looks_like_token
from pgmaskproxy.model import COPY_FROM, Analysis, ColumnRef, CopyLayout, DataType, InputRule, Refusal, Ruling, Use
from pgmaskproxy.wire.copy import CopyData, CopyDone
from pgmaskproxy.wire.frontend import Bind

_DENIED: Final = "permission denied by policy"
_CODES: Final = frozenset({0, 1})


@final
@dataclass(frozen=True, slots=True)
class Bound:
    """A Bind as it goes upstream, and the columns that were looked up by tokens alone: that is no guess."""

    message: Bind
    by_token: frozenset[ColumnRef] = frozenset()
    hidden: bool = False
    """There is a value in it that the client has never seen."""


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def bound(message: Bind, ruling: Ruling, keys: Keyring, types: Mapping[int, DataType]) -> Bound | Refusal:
    """The Bind with values in the places of tokens, or why it may not be sent."""
    by_number: dict[int, list[InputRule]] = {}
    for rule in ruling.decision.inputs:
        if rule.input.number:
            by_number.setdefault(rule.input.number, []).append(rule)
    parameters, looked_up = list(message.parameters), {}
    try:
        for number, rules in by_number.items():
            at = number - 1
            value = parameters[at] if at < len(parameters) else None
            if value is None:
                continue
            one = _Parameter(rules, keys, proven=bool(ruling.attested))
            parameters[at] = one.passed(value, _format(message, at), types)
            looked_up[number] = one.opened
    except _Refused as refused:
        return refused.refusal
    if tuple(parameters) == message.parameters:
        return Bound(message)
    sent = Bind(message.portal, message.statement, message.parameter_formats, tuple(parameters), message.result_formats)
    return Bound(sent, _by_token(ruling.analysis, looked_up), hidden=True)


def _format(message: Bind, at: int) -> int:
    """The format of the parameter at this place, from 0 (manual, "Message Formats", Bind)."""
    formats = message.parameter_formats
    if not formats:
        return 0
    return formats[0] if len(formats) == 1 else formats[at] if at < len(formats) else 1


def _by_token(analysis: Analysis, looked_up: Mapping[int, bool]) -> frozenset[ColumnRef]:
    """Columns of which every comparison was with tokens and nothing else."""
    compared: dict[ColumnRef, list[bool]] = {}
    for each in analysis.inputs:
        if each.use is Use.EQUALITY:
            compared.setdefault(each.column, []).append(looked_up.get(each.number, False))
    return frozenset(column for column, found in compared.items() if all(found))


def spared(ruling: Ruling, by_token: frozenset[ColumnRef]) -> Ruling:
    """The ruling without what look-ups of these columns would cost."""
    charges = tuple(charge for charge in ruling.decision.charges if charge.column not in by_token)
    if charges == ruling.decision.charges:
        return ruling
    return replace(ruling, decision=replace(ruling.decision, charges=charges))


@final
class _Parameter:
    """One parameter, everything that is said of it, and what was found in it."""

    def __init__(self, rules: Sequence[InputRule], keys: Keyring, *, proven: bool) -> None:
        self._rules = rules
        self._keys = keys
        self._proven = proven
        self._plain = 0
        self._tokens = 0

    @property
    def opened(self) -> bool:
        """Whether tokens, and nothing else, were in it."""
        return self._tokens > 0 and self._plain == 0

    def passed(self, value: bytes, code: int, types: Mapping[int, DataType]) -> bytes:
        if code not in _CODES:
            return value  # the server refuses it
        try:
            return visited(value, self._rules[0].input.type_oid, code, types, self._visit)
        except Unreadable:
            if self._tokens:
                raise _Refused(_not_here(self._rules[0])) from None
            only = next((rule for rule in self._rules if rule.tokens_only), None)
            if only is not None:
                raise _Refused(_tokens_only(only)) from None
            return value  # no text of any mask's: the server says what is wrong with it

    def _visit(self, text: str) -> bytes | None:
        if looks_like_token(text):
            self._tokens += 1
            return self._value(text)
        self._plain += 1
        for rule in self._rules:
            if rule.tokens_only:
                raise _Refused(_tokens_only(rule))
            if _is_masked(rule, text, self._keys):
                raise _Refused(_masked(rule))
        return None

    def _value(self, token: str) -> bytes:
        rule = self._rules[0]
        mask = rule.token
        if mask is None or not self._proven or any(other.token != mask for other in self._rules):
            raise _Refused(_not_here(rule))
        try:
            return Tokens(self._keys, mask.label, str(mask.param("key", DEFAULT_KEY))).open(token)
        except (ForgedToken, KeyError):
            raise _Refused(_forged(rule)) from None


@final
class CopiedIn:
    """What a client copies into labelled columns, looked through on its way."""

    def __init__(self, ruling: Ruling, keys: Keyring, types: Mapping[int, DataType]) -> None:
        self._rules = {rule.input.number: rule for rule in ruling.decision.inputs if rule.input.where == COPY_FROM}
        copy = ruling.analysis.copy
        layout = copy.layout if copy is not None else CopyLayout("")
        self._fields = copy_fields(layout, self._rules) if self._rules else None
        self._code = 1 if layout.format == "binary" else 0
        self._keys = keys
        self._types = types

    @property
    def unreadable(self) -> Refusal | None:
        """Why nothing can be looked through, and so nothing may be copied; None when it can, or need not be."""
        return _not_readable(next(iter(self._rules.values()))) if self._rules and self._fields is None else None

    def passed(self, message: CopyData | CopyDone) -> Refusal | None:
        """Why the next piece, or the end of it all, may not go upstream; None when it may."""
        if self._fields is None:
            return self.unreadable
        found = self._fields.found(message.data) if isinstance(message, CopyData) else self._fields.last()
        for number, value in found:
            rule = self._rules[number]
            texts: list[str] = []
            try:
                visited(value, rule.input.type_oid, self._code, self._types, texts.append)
            except Unreadable:
                continue  # the server says what is wrong with it
            for text in texts:
                refusal = _literal(rule, text, self._keys)
                if refusal is not None:
                    return refusal
        return None


def literal_refusal(ruling: Ruling, keys: Keyring) -> Refusal | None:
    """Why a literal of the statement may not stand where it does: a token is none there, a masked value is no value."""
    for rule in ruling.decision.inputs:
        if rule.input.number:
            continue
        refusal = _literal(rule, rule.input.literal, keys)
        if refusal is not None:
            return refusal
    return None


def argument_refusal(arguments: Analysis, target: Ruling, keys: Keyring) -> Refusal | None:
    """The same of EXECUTE's arguments, which are literals: of what `target` does with its parameters."""
    literals = {each.number: each.literal for each in arguments.inputs if each.number}
    for rule in target.decision.inputs:
        if not rule.input.number:
            continue
        if rule.tokens_only:
            return _as_parameter(rule)
        refusal = _literal(rule, literals.get(rule.input.number, ""), keys)
        if refusal is not None:
            return refusal
    return None


def _literal(rule: InputRule, literal: str, keys: Keyring) -> Refusal | None:
    if looks_like_token(literal):
        return _as_parameter(rule)
    return _masked(rule) if _is_masked(rule, literal, keys) else None


def _is_masked(rule: InputRule, text: str, keys: Keyring) -> bool:
    """Whether it is certainly something that a mask of the column has shown, written back."""
    return bool(text) and any(recognises(mask, text, keys) for mask in rule.masks)


def _refusal(  # noqa: PLR0917 - the parts of an error
    rule: InputRule, why: str, sqlstate: str, message: str, detail: str, hint: str
) -> Refusal:
    column, ref = rule.input.column, rule.rule
    place = f' Label "{ref.id}" ({ref.file}:{ref.line}).' if ref is not None and ref.file else ""
    facts: list[tuple[str, str | int | tuple[str, ...]]] = [("why", why), ("column", str(column))]
    facts += [("use", rule.input.use.value), ("where", rule.input.where)]
    if rule.input.number:
        facts.append(("field" if rule.input.where == COPY_FROM else "parameter", rule.input.number))
    return Refusal(
        sqlstate,
        message,
        detail=detail + place,
        hint=hint,
        rule=ref,
        schema=column.schema,
        table=column.table,
        column=column.column,
        facts=tuple(facts),
    )


def _named(rule: InputRule) -> str:
    return f"column {rule.input.column} ({', '.join(rule.labels)})"


def _masked(rule: InputRule) -> Refusal:
    copied = rule.input.where == COPY_FROM
    what = f"parameter ${rule.input.number}" if rule.input.number and not copied else "a value"
    token = rule.token is not None
    return _refusal(
        rule,
        "masked_value",
        "22023",
        f"{what} for {_named(rule)} is what its mask shows, and no value",
        "Written back, it would take the place of the value that it hides.",
        "Leave the column out: what is not written stays as it is."
        + (" To copy a value you may not see, send its token as a parameter." if token else ""),
    )


def _tokens_only(rule: InputRule) -> Refusal:
    return _refusal(
        rule,
        "token_needed",
        "42501",
        f"{_DENIED}: {_named(rule)} may be compared with its tokens only, and parameter ${rule.input.number} is none",
        "A value is a guess; a token has been shown to you before.",
        "Send as the parameter the token that a result has shown for the column.",
    )


def _forged(rule: InputRule) -> Refusal:
    return _refusal(
        rule,
        "forged_token",
        "22023",
        f"parameter ${rule.input.number} is no token of {_named(rule)}",
        "It was not made here, or for another label, or has been changed, or its key is gone.",
        "Send the token exactly as a result has shown it for this column; after a key was removed, select it again.",
    )


def _not_here(rule: InputRule) -> Refusal:
    return _refusal(
        rule,
        "token_not_here",
        "42501",
        f"{_DENIED}: a token as parameter ${rule.input.number} cannot stand for its value in this statement",
        f"It meets {_named(rule)}, and something else as well, or in a place where its value could be seen or become"
        " another, or its server did not prove that it does not.",
        "Use the parameter for nothing but column = $n, column = ANY($n) or SET column = $n, of columns that show"
        " such tokens; for other places send another parameter.",
    )


def _not_readable(rule: InputRule) -> Refusal:
    return _refusal(
        rule,
        "unsupported",
        "0A000",
        f"COPY FROM into {_named(rule)} is not supported with these options",
        "What is copied into a masked column is looked through, so that nothing masked takes the place of a value.",
        "Use FORMAT text, csv or binary with a DELIMITER, NULL, QUOTE and ESCAPE as COPY TO takes them, or leave the"
        " column out.",
    )


def _as_parameter(rule: InputRule) -> Refusal:
    return _refusal(
        rule,
        "token_as_literal",
        "42501",
        f"{_DENIED}: a token for {_named(rule)} must be sent as a parameter",
        "What is written in the statement itself is taken as it is, and a token there is no value.",
        f"Use a parameter for {rule.input.column.column} in INSERT, UPDATE or column = $1, and have your driver send"
        " the token as its value: not by COPY or EXECUTE, nor pasted into the text on the client's side.",
    )
