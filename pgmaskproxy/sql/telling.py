"""A statement in words, for the person who is asked about it: what it does to what, and where in the text that stands.

What changes something comes first, whatever surrounds it in the text: a DELETE in the middle of 200 KB of harmless
SELECT is still the first line. The words come from PostgreSQL's own tree; names are the client's, unescaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import Analysis, Effect, RelationRef
from pgmaskproxy.sql.grammar import LITERALS, RawStatement, lexemes, parse, redact
from pgmaskproxy.sql.tree import Node, descend, items, mapping, strings, text, unwrap
from pgmaskproxy.sql.writes import narrows

LONGEST_LITERAL: Final = 160
"""Characters of a literal that are shown; of a longer one the beginning and the end."""

LONGEST_COMMAND: Final = 200

_ROWS: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_QUERIES: Final = _ROWS | {"SelectStmt"}
_AS_THEY_ARE: Final = frozenset({Effect.READ, Effect.WRITE, Effect.EXPORT})
"""What a statement may do at most for its literals to be shown: the others name passwords, and code."""
_CALLING: Final = frozenset({Effect.ADMIN, Effect.ROUTINE, Effect.UNKNOWN, Effect.PRIVILEGE, Effect.SESSION})
_CHANGES_ROWS: Final = {"CMD_INSERT": "adds rows", "CMD_UPDATE": "changes rows", "CMD_DELETE": "deletes rows"}


@dataclass(frozen=True, slots=True)
class Telling:
    """What people are told of a statement. `places` are character offsets in `text` where something is changed."""

    does: tuple[str, ...]
    """In words, worst first."""
    text: str
    """The statement without comments and needless white space; literals a `?` unless they may be shown."""
    places: tuple[int, ...] = ()
    literals: bool = False
    """Whether `text` has the literals."""


@dataclass(frozen=True, slots=True)
class _Action:
    rank: int
    words: str
    at: int | None = None
    """Bytes from the statement's beginning."""


def tell(sql: str, analysis: Analysis, *, labelled: bool) -> Telling:
    """`sql` (one or several statements) in words, as far as it can be read; `analysis` is its first statement's.

    `labelled`: labelled columns are touched, so that any literal may be such a value. Call it on a thread with
    `grammar.STACK_BYTES` of stack. Never raises: of what cannot be read the words say so, and no text is kept.
    """
    try:
        statements = parse(sql)
        literals = not labelled and all(_literals_may_be_shown(each, analysis) for each in statements)
        actions: list[_Action] = []
        for raw in statements:
            actions += _actions(raw, analysis, len(sql[: raw.offset].encode()))
        shown, places = _shown(sql.encode(), sorted(each.at for each in actions if each.at is not None), literals)
    except (Unparsable, RecursionError):
        return Telling(("does something that cannot be read",), "?")
    if reads := sorted(str(each) for each in analysis.reads - analysis.writes):
        actions.append(_Action(6, f"reads {_listed(reads)}"))
    if Effect.UNKNOWN in analysis.effects:
        actions.append(_Action(1, "does something that could not be analysed: read the text"))
    ordered = sorted(actions, key=lambda action: action.rank)
    return Telling(tuple(dict.fromkeys(each.words for each in ordered)), shown, places, literals)


def _literals_may_be_shown(raw: RawStatement, analysis: Analysis) -> bool:
    return raw.kind in _QUERIES and analysis.effects <= _AS_THEY_ARE and not analysis.opaque


# -- the words ------------------------------------------------------------------------------------------------


def _actions(raw: RawStatement, analysis: Analysis, base: int) -> Iterator[_Action]:
    """Of one statement, which begins at byte `base`; the tree's own places count from the whole text's beginning."""
    names = _Names(analysis)
    if raw.kind not in _QUERIES:
        yield _command(raw, base)
    if raw.kind == "TruncateStmt":
        for _, relation in (unwrap(each) for each in items(raw.node.get("relations"))):
            yield _Action(0, f"deletes EVERY row of {names.of(relation)} (TRUNCATE)", _at(relation))
    calls: dict[str, int | None] = {}
    for kind, fields in ((raw.kind, raw.node), *descend(raw.node)):
        if kind in _ROWS:
            yield _rows(kind, fields, names)
        elif kind == "SelectStmt":
            yield from _select(fields, names)
        elif kind == "AlterTableCmd":
            yield _alter(fields)
        elif kind == "FuncCall":
            calls.setdefault(".".join(strings(fields.get("funcname"))), _at(fields))
    if calls and analysis.effects & _CALLING:
        for name in sorted(calls):
            yield _Action(4, f"calls {name}()", calls[name])


def _command(raw: RawStatement, base: int) -> _Action:
    """A utility statement: its own first words, literals redacted, are the best name for what it does."""
    line = " ".join(redact(raw.text).split())
    first = next(iter(lexemes(raw.text.encode())), None)
    words = f"runs {line if len(line) <= LONGEST_COMMAND else line[:LONGEST_COMMAND] + '…'}"
    return _Action(2, words, base + first.start if first is not None else None)


def _rows(kind: str, fields: Node, names: _Names) -> _Action:
    relation = mapping(fields.get("relation"))
    table, at = names.of(relation), _at(relation)
    if kind == "InsertStmt":
        conflict = mapping(fields.get("onConflictClause")).get("action") == "ONCONFLICT_UPDATE"
        return _Action(3, f"adds rows to {table}{', and changes those that are there' if conflict else ''}", at)
    if kind == "MergeStmt":
        clauses = [unwrap(each)[1] for each in items(fields.get("mergeWhenClauses"))]
        found = dict.fromkeys(_CHANGES_ROWS.get(text(each.get("commandType")), "") for each in clauses)
        verbs = [verb for verb in found if verb]
        return _Action(1, f"{', '.join(verbs) or 'changes rows'} in {table} (MERGE)", at)
    everything = not narrows(mapping(fields.get("whereClause")))
    which = f"{'EVERY row' if everything else 'rows'} of {table}{_without(fields, everything)}"
    rank = 0 if everything else 2
    if kind == "DeleteStmt":
        return _Action(rank, f"deletes {which}", at)
    columns = [text(unwrap(each)[1].get("name")) for each in items(fields.get("targetList"))]
    return _Action(rank, f"changes {which}: {_listed(columns)}", at)


def _without(fields: Node, everything: bool) -> str:
    if not everything:
        return ""
    return " (its WHERE leaves none out)" if "whereClause" in fields else " (it has no WHERE)"


def _select(fields: Node, names: _Names) -> Iterator[_Action]:
    into = mapping(mapping(fields.get("intoClause")).get("rel"))
    if into:
        yield _Action(2, f"makes a new table {names.of(into)}", _at(into))
    if "lockingClause" in fields:
        yield _Action(5, "locks the rows it reads")


def _alter(fields: Node) -> _Action:
    verb = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text(fields.get("subtype")).removeprefix("AT_")).lower()
    name = text(fields.get("name"))
    return _Action(1 if verb.startswith("drop") else 3, f"alters: {verb}{f' {name}' if name else ''}")


class _Names:
    """The names of relations: the catalog's where the text's name is one of those the statement is known to touch."""

    def __init__(self, analysis: Analysis) -> None:
        self._known: dict[str, list[RelationRef]] = {}
        for each in analysis.reads | analysis.writes:
            self._known.setdefault(each.name, []).append(each)

    def of(self, relation: Node) -> str:
        name, schema = text(relation.get("relname")), text(relation.get("schemaname"))
        known = self._known.get(name, [])
        if not schema and len(known) == 1:
            return str(known[0])
        return f"{schema}.{name}" if schema else name


def _at(fields: Node) -> int | None:
    at = fields.get("location")
    return at if isinstance(at, int) and at >= 0 else None


def _listed(names: Iterable[str], most: int = 8) -> str:
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


# -- the text -------------------------------------------------------------------------------------------------


def _shown(data: bytes, places: list[int], literals: bool) -> tuple[str, tuple[int, ...]]:
    """The text as people see it, and where in it those places are."""
    parts: list[str] = []
    found: list[int] = []
    length = end = 0
    waiting = list(places)
    for token in lexemes(data):
        gap = _gap(data[end : token.start].decode(errors="replace")) if parts and token.start > end else ""
        word = token.text
        if token.kind in LITERALS:
            word = _literal(word) if literals else "?"
        while waiting and token.end > waiting[0]:
            found.append(length + len(gap))
            waiting.pop(0)
        parts += [gap, word.replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")]
        length += len(gap) + len(parts[-1])
        end = token.end
    return "".join(parts), tuple(dict.fromkeys(found))


def _gap(between: str) -> str:
    """White space and comments between two words: at most one new line, and a little of its indentation."""
    head, newline, last = between.rpartition("\n")
    if not newline or "*/" in last or "--" in head or "/*" in head:
        return " " if not newline else "\n"
    return "\n" + " " * min(8, len(last))


def _literal(word: str) -> str:
    if len(word) <= LONGEST_LITERAL:
        return word
    half = LONGEST_LITERAL // 2
    return f"{word[:half]}…({len(word) - 2 * half} characters)…{word[-half:]}"
