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

MOST_NAMES: Final = 30
"""Of a list of names; how many more there are is said."""

_ORDINARY: Final = frozenset(
    f"AT_{each}"
    for each in (
        "AddColumn", "AddConstraint", "AddIdentity", "AlterConstraint", "ColumnDefault", "DropConstraint",
        "DropExpression", "DropIdentity", "DropNotNull", "SetCompression", "SetIdentity", "SetNotNull", "SetStatistics",
        "SetStorage", "ValidateConstraint",
    )
)  # fmt: skip
"""Of ALTER TABLE's commands, those that take nothing away but constraints: all others are told first."""

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
    altered: dict[str, list[str]] = {}
    for kind, fields in ((raw.kind, raw.node), *descend(raw.node)):
        if kind in _ROWS:
            yield _rows(kind, fields, names)
        elif kind == "SelectStmt":
            yield from _select(fields, names)
        elif kind == "GrantStmt":
            yield _grant(fields, names)
        elif kind == "GrantRoleStmt":
            yield _grant_role(fields)
        elif kind == "DropStmt":
            yield _drop(fields, names)
        elif kind == "FuncCall":
            calls.setdefault(".".join(strings(fields.get("funcname"))), _at(fields))
    for _, fields in (unwrap(each) for each in items(raw.node.get("cmds"))):
        altered.setdefault(text(fields.get("subtype")), []).append(text(fields.get("name")))
    for subtype, columns in altered.items():
        yield _alter(subtype, columns)
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


def _alter(subtype: str, columns: list[str]) -> _Action:
    """All commands of one kind in one line, or many of a harmless kind would hide one of another."""
    verb = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", subtype.removeprefix("AT_")).lower()
    named = _listed((each for each in columns if each), MOST_NAMES)
    times = f" ({len(columns)} times)" if len(columns) > 1 else ""
    return _Action(3 if subtype in _ORDINARY else 1, f"alters: {verb}{f' {named}' if named else ''}{times}")


def _grant(fields: Node, names: _Names) -> _Action:
    """Everybody first: PUBLIC among five hundred roles is all that counts."""
    gives = fields.get("is_grant") is True
    grantees = [unwrap(each)[1] for each in items(fields.get("grantees"))]
    public = ["PUBLIC"] if any(each.get("roletype") == "ROLESPEC_PUBLIC" for each in grantees) else []
    roles = [
        text(each.get("rolename")) or _words(text(each.get("roletype")))
        for each in grantees
        if not public or each.get("roletype") != "ROLESPEC_PUBLIC"
    ]
    rights = [text(unwrap(each)[1].get("priv_name")).upper() for each in items(fields.get("privileges"))]
    what = _listed(names.objects(fields.get("objects")), MOST_NAMES)
    verb, to = ("grants", "to") if gives else ("takes", "from")
    target = f"{_words(text(fields.get('objtype')).removeprefix('OBJECT_'))} {what}".strip()
    return _Action(1, f"{verb} {_listed(rights) or 'ALL'} on {target} {to} {_listed([*public, *roles], MOST_NAMES)}")


def _grant_role(fields: Node) -> _Action:
    """PostgreSQL's own roles first: they may read everything, or the server's files (manual, "Predefined Roles")."""
    roles = [text(unwrap(each)[1].get("priv_name")) for each in items(fields.get("granted_roles"))]
    ordered = sorted(roles, key=lambda role: not role.startswith("pg_"))
    verb, to = ("makes a member", "of") if fields.get("is_grant") is True else ("ends the membership", "in")
    members = [
        text(unwrap(each)[1].get("rolename")) or "the current role" for each in items(fields.get("grantee_roles"))
    ]
    return _Action(1, f"{verb} {to} {_listed(ordered, MOST_NAMES)}: {_listed(members, MOST_NAMES)}")


def _drop(fields: Node, names: _Names) -> _Action:
    found = names.objects(fields.get("objects"))
    kind = _words(text(fields.get("removeType")).removeprefix("OBJECT_"))
    cascade = ", and all that depends on it (CASCADE)" if fields.get("behavior") == "DROP_CASCADE" else ""
    return _Action(1, f"drops {kind} {_listed(found, MOST_NAMES)}{cascade}")


def _words(constant: str) -> str:
    return constant.replace("_", " ").lower()


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

    def objects(self, listed: object) -> list[str]:
        """What GRANT and DROP name, what is known to be there first: names of nothing are no place to hide others."""
        found = [self._object(each) for each in items(listed)]
        return [name for name, known in found if known] + [name for name, known in found if not known]

    def _object(self, node: Node) -> tuple[str, bool]:
        kind, fields = unwrap(node)
        if kind == "RangeVar":
            parts: tuple[str, ...] = (text(fields.get("schemaname")), text(fields.get("relname")))
        elif kind == "List":
            parts = strings(fields.get("items"))
        elif kind == "String":
            parts = (text(fields.get("sval")),)
        else:
            parts = strings(fields.get("objname")) or strings(fields.get("names"))
        parts = tuple(part for part in parts if part)
        schema, name = parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "?"
        whole = self.of({"relname": name, "schemaname": schema})
        return whole, any(str(each) == whole and each.schema for each in self._known.get(name, ()))


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
