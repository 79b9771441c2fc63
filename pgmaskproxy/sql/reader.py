"""The one entry: a client's text to what each of its statements does.

Three things are put together: the grammar's tree (kind, effects, lineage), the second reader's word on it, and what the
views that are read do when they run. Where they differ the statement is UNKNOWN; where one of them is silent its
outputs are Opaque.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import Analysis, ColumnOrigin, Effect, Input, Opaque, Use
from pgmaskproxy.sql.agree import Second, second_opinion
from pgmaskproxy.sql.catalog import Catalog, Relation
from pgmaskproxy.sql.changes import changes_of
from pgmaskproxy.sql.classify import Classifier, Reading
from pgmaskproxy.sql.facts import Facts
from pgmaskproxy.sql.functions import type_effect
from pgmaskproxy.sql.grammar import RawStatement, lexemes, parse, redact
from pgmaskproxy.sql.implied import implied_uses
from pgmaskproxy.sql.set_config import setting_by_name
from pgmaskproxy.sql.statements import KEEPS_NAMES, LINEAGE, MOVES_NAMES, OWN_PARAMETERS, RUNS_ANOTHER
from pgmaskproxy.sql.tree import descend, items, mapping, strings, text, unwrap

BY_KINDS: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"})

_VIEW_PATH = ("pg_catalog",)
"""pg_get_viewdef was asked under an empty search_path: everything else is qualified."""


@dataclass(frozen=True, slots=True)
class ReadStatement:
    """One statement of a client's text: its slice from character `offset` on, and what it says."""

    text: str
    offset: int
    analysis: Analysis
    by_kinds: bool = False
    """Every text of the same skeleton reads the same, but for its canonical text and the literals of `inputs`."""


def read(sql: str, catalog: Catalog, search_path: tuple[str, ...]) -> tuple[ReadStatement, ...]:
    """Every statement of `sql`, none for a text without one.

    `search_path` is the effective one, pg_catalog included. Call it on a thread with `grammar.STACK_BYTES` of stack.
    Raises Unparsable (42601, 54000, 54001, 22021), and nothing else.
    """
    try:
        found = parse(sql)
        return tuple(analyse(raw, catalog, search_path) for raw in found)
    except RecursionError as error:
        raise Unparsable("statement is nested too deeply", sqlstate="54001") from error


def analyse(raw: RawStatement, catalog: Catalog, search_path: tuple[str, ...]) -> ReadStatement:
    """What one statement says. Raises Unparsable 54001, and RecursionError for `read` to turn into it."""
    classifier = Classifier(catalog, search_path, raw.text.encode())
    reading = classifier.statement(raw.kind, raw.node)
    facts = classifier.facts
    _run_views(facts, catalog)
    inside = parse(reading.inner)[0] if reading.inner is not None else raw
    outputs, by_constants = _agreed(raw, inside, reading, facts)
    if facts.reads:
        facts.effects.add(Effect.READ)
    effects = facts.all_effects
    by_name = setting_by_name(raw.kind, raw.node, catalog, search_path)
    read_view = partial(view_reading, catalog)
    parameters = 0 if raw.kind in OWN_PARAMETERS else _parameters(raw)
    changes = changes_of(inside, facts, catalog, search_path, read_view)
    analysis = Analysis(
        kind=raw.kind,
        effects=effects,
        reads=frozenset(facts.reads),
        writes=frozenset(facts.writes),
        outputs=outputs,
        uses=facts.uses + implied_uses(catalog, changes),
        functions=frozenset(facts.functions),
        redacted=redact(raw.text),
        inner=reading.inner,
        names=reading.names,
        copy=reading.copy,
        settings=(by_name,) if by_name is not None else tuple(facts.settings),
        transaction=reading.transaction,
        channel=reading.channel,
        without_where=facts.without_where,
        parameters=parameters,
        first_parameter=_first_parameter(raw) if parameters else (1, 0),
        opaque=facts.opaque,
        moves_names=raw.kind in RUNS_ANOTHER or (bool(effects & MOVES_NAMES) and raw.kind not in KEEPS_NAMES),
        called_effects=_called_effects(raw, reading, facts, catalog),
        inputs=(*facts.inputs, *_loose(raw, facts)),
    )
    # The kinds in which every reader of a constant says so (`looked`). Where the first $n stands is the text's own.
    by_kinds = raw.kind in BY_KINDS and not (facts.looked or by_constants or analysis.settings or parameters)
    return ReadStatement(raw.text, raw.offset, analysis, by_kinds)


def _loose(raw: RawStatement, facts: Facts) -> list[Input]:
    """Literals that may be written to columns of which nobody follows what is: all whose place is not known."""
    if not facts.loose:
        return []
    texts: dict[str, None] = {}
    for kind, fields in descend(raw.node):
        if kind == "A_Const" and "sval" in fields and fields.get("location", 0) not in facts.placed:
            facts.looked = True
            texts[text(mapping(fields["sval"]).get("sval"))] = None
    texts.pop("", None)
    return [Input(column, Use.WRITTEN, where, literal=literal) for column, where in facts.loose for literal in texts]


def _called_effects(raw: RawStatement, reading: Reading, facts: Facts, catalog: Catalog) -> frozenset[Effect]:
    """The effects that the server's tree of the query knows better: those of nothing but what its expressions call."""
    if raw.kind not in LINEAGE and reading.inner is None:
        return frozenset()  # a utility statement's own expressions are in no tree
    arguments = [strings(unwrap(node)[1].get("names")) for node in items(raw.node.get("argtypes"))]
    if any(type_effect(catalog, names) is not None for names in arguments):
        return frozenset()  # PREPARE's types need not be used in its query
    # Which setting set_config() sets is a constant, and of those a tree's functions tell nothing.
    return frozenset(facts.function_effects - facts.effects - {Effect.PRIVILEGE})


def _agreed(
    raw: RawStatement, inside: RawStatement, reading: Reading, facts: Facts
) -> tuple[tuple[ColumnOrigin, ...] | None, bool]:
    """The outputs, unless the second reader is silent or says otherwise of what is `inside`; and whether that may hang
    on the constants."""
    if inside.kind not in LINEAGE:
        return reading.outputs, False
    second, reason, by_constants = second_opinion(inside)
    if second is Second.AGREES:
        return reading.outputs, by_constants
    facts.give_up(reason)
    if second is Second.DISAGREES:
        facts.effects.add(Effect.UNKNOWN)
    if raw.kind == "ExplainStmt" or reading.outputs is None:
        return reading.outputs, by_constants
    return tuple(Opaque(reason) for _ in reading.outputs), by_constants


def _run_views(facts: Facts, catalog: Catalog) -> None:
    """Reading a view runs its query: the functions in it, and in the views below it, are the statement's."""
    seen: set[int] = set()
    pending: list[Relation] = list(facts.views.values())
    while pending:
        view = pending.pop()
        if view.oid in seen or view.kind != "v":
            continue
        seen.add(view.oid)
        inside = view_facts(catalog, view)
        if inside is None:
            facts.effects.add(Effect.UNKNOWN)
            facts.give_up(f'the definition of view "{view.ref}" cannot be read')
            continue
        for effect in inside.function_effects | (inside.effects & {Effect.UNKNOWN}):
            facts.function_effect(effect)
        if inside.function_effects:
            facts.give_up(f'view "{view.ref}" runs functions')
        facts.functions |= inside.functions
        pending.extend(inside.views.values())


def view_facts(catalog: Catalog, view: Relation) -> Facts | None:
    """What reading a view's definition finds; None when it cannot be read."""
    found = view_reading(catalog, view)
    return found[1] if found is not None else None


def view_reading(catalog: Catalog, view: Relation) -> tuple[tuple[ColumnOrigin, ...] | None, Facts] | None:
    """A view's outputs and facts by its definition; None when it cannot be read. Made once for all statements that read
    the view, and changed by none of them."""
    known = catalog.view_readings.get(view.oid)
    if known is not None and known[0] is view:
        outputs, facts = known[1]
        return outputs, facts
    try:
        statements = parse(view.definition)
        if len(statements) != 1 or statements[0].kind != "SelectStmt":
            return None
        classifier = Classifier(catalog, _VIEW_PATH, view.definition.encode())
        outputs = classifier.statement("SelectStmt", statements[0].node).outputs
    except (Unparsable, RecursionError):
        return None
    catalog.view_readings[view.oid] = (view, (outputs, classifier.facts))
    return outputs, classifier.facts


def _parameters(raw: RawStatement) -> int:
    """The highest $n."""
    if "$" not in raw.text:
        return 0
    numbers: Iterable[object] = (fields.get("number", 0) for kind, fields in descend(raw.node) if kind == "ParamRef")
    return max((number for number in numbers if isinstance(number, int)), default=0)


def _first_parameter(raw: RawStatement) -> tuple[int, int]:
    """Number and place of the $n that is written first: what the server names where a statement can have none."""
    text = raw.text.encode()
    for lexeme in lexemes(text):
        if lexeme.text[:1] == "$" and lexeme.text[1:].isdecimal():
            return int(lexeme.text[1:]), len(text[: lexeme.start].decode()) + 1
    return 1, 0
