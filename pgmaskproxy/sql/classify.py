"""A statement's effects and what it is, by its kind: queries by lineage, utility statements by the table and here.

Utility statements with a query inside (DECLARE, PREPARE, EXPLAIN, COPY, CREATE TABLE AS) are read as that
query, and its own text is found in the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pgmaskproxy.model import (
    ColumnOrigin,
    ColumnRef,
    Constant,
    CopyShape,
    Effect,
    NameUse,
    NameVerb,
    Setting,
    TransactionVerb,
    Use,
)  # fmt: skip
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.comparing import given
from pgmaskproxy.sql.copying import Copying
from pgmaskproxy.sql.expressions import operators_of
from pgmaskproxy.sql.functions import TYPES, Verdict, resolve_function, type_effect
from pgmaskproxy.sql.inner import inner_text
from pgmaskproxy.sql.origins import Result
from pgmaskproxy.sql.safety import silent_casts_are_safe
from pgmaskproxy.sql.sources import unresolved
from pgmaskproxy.sql.statements import EFFECTS, LINEAGE, UNKNOWN
from pgmaskproxy.sql.tree import Node, descend, items, kind_of, mapping, string, strings, text, unwrap

_HOLDABLE: Final = 0x20
_BINARY: Final = 0x01
"""CURSOR_OPT_HOLD and CURSOR_OPT_BINARY of nodes/parsenodes.h."""

_PRIVILEGED: Final = frozenset({"role", "session_authorization"})

_TRANSACTION: Final[Mapping[str, TransactionVerb]] = MappingProxyType(
    {
        "BEGIN": TransactionVerb.BEGIN,
        "START": TransactionVerb.BEGIN,
        "COMMIT": TransactionVerb.COMMIT,
        "ROLLBACK": TransactionVerb.ROLLBACK,
        "SAVEPOINT": TransactionVerb.SAVEPOINT,
        "RELEASE": TransactionVerb.SAVEPOINT,
        "ROLLBACK_TO": TransactionVerb.SAVEPOINT,
        "PREPARE": TransactionVerb.PREPARED,
        "COMMIT_PREPARED": TransactionVerb.PREPARED,
        "ROLLBACK_PREPARED": TransactionVerb.PREPARED,
    }
)

_RELATIONS: Final = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE", "OBJECT_SEQUENCE", "OBJECT_INDEX"}
)
"""What DROP may name that is a relation."""

_FALSE: Final = frozenset({"off", "false", "0"})

_BOOL: Final = 16
_NUMBERS: Final = frozenset({20, 23, 1700})
"""OIDs of int8, int4 and numeric."""


ACCESS_SHARE: Final = 1
"""What a SELECT takes, and pg_dump before it reads."""
ROW_EXCLUSIVE: Final = 3
"""The strongest table lock that ordinary statements take."""


@dataclass(slots=True)
class Reading:
    """What a statement turned out to be, besides its facts."""

    outputs: tuple[ColumnOrigin, ...] | None = ()
    inner: str | None = None
    names: NameUse | None = None
    copy: CopyShape | None = None
    transaction: TransactionVerb | None = None
    channel: str | None = None


class Classifier(Copying):
    """Reads one statement: its effects and everything else go to `facts` and the `Reading`."""

    def __init__(self, catalog: Catalog, search_path: tuple[str, ...], source: bytes) -> None:
        super().__init__(catalog, search_path)
        self.own_text = source
        """The statement's own text, UTF-8; the tree's locations count from where the client's text begins."""

    def statement(self, kind: str, fields: Node) -> Reading:
        """Read a statement of any kind."""
        self.facts.effects |= EFFECTS.get(kind, UNKNOWN)
        if kind in LINEAGE:
            result = self.query({kind: fields}, None, {})
            if self.made_table:
                self._new_table(result, "SELECT INTO")
                return Reading()
            return Reading(outputs=origins(result))
        reader = self._readers().get(kind)
        if reader is not None:
            return reader(fields)
        self._named_relations(kind, fields)
        self._code_inside(fields)
        if kind == "LockStmt":
            self._lock_table(fields)
        return Reading()

    def _lock_table(self, fields: Node) -> None:
        """LOCK by what its mode keeps others from (manual, "Table-Level Locks")."""
        mode = fields.get("mode")
        if mode == ACCESS_SHARE:
            self.facts.reads |= self.facts.writes
            self.facts.writes.clear()
            self.facts.effects.discard(Effect.WRITE)
        elif not (isinstance(mode, int) and mode <= ROW_EXCLUSIVE):
            # It stops everybody else's work, and the reading of the catalog.
            self.facts.effects.add(Effect.ADMIN)

    def _readers(self) -> Mapping[str, Callable[[Node], Reading]]:
        return {
            "CallStmt": self._call,
            "ClosePortalStmt": lambda fields: _named(NameVerb.CLOSE, fields, "portalname"),
            "CopyStmt": self._copy,
            "CreateTableAsStmt": self._create_table_as,
            "DeallocateStmt": lambda fields: _named(NameVerb.DEALLOCATE, fields, "name"),
            "DeclareCursorStmt": self._declare,
            "DiscardStmt": self._discard,
            "ExecuteStmt": self._execute,
            "ExplainStmt": self._explain,
            "FetchStmt": self._fetch,
            "ListenStmt": lambda fields: Reading(channel=text(fields.get("conditionname"))),
            "NotifyStmt": lambda fields: Reading(channel=text(fields.get("conditionname"))),
            "PrepareStmt": self._prepare,
            "TransactionStmt": self._transaction,
            "VariableSetStmt": self._set,
            "VariableShowStmt": self._show,
            "ViewStmt": self._view,
        }

    # -- statements with a query inside --------------------------------------------------------------------

    def _query_inside(self, query: Node) -> Result:
        """Read the query of a utility statement and find its text; UNKNOWN when it is no query or has no text."""
        if kind_of(query) not in LINEAGE:
            self.facts.effects.add(Effect.UNKNOWN)
            return Result((), self.facts.give_up(f"a query of kind {kind_of(query)}"))
        self.facts.effects |= EFFECTS[kind_of(query)]
        return self.query(query, None, {})

    def _inner(self, query: Node) -> str | None:
        found = inner_text(self.own_text, query)
        if found is None:
            self.facts.effects.add(Effect.UNKNOWN)
            self.facts.give_up("the text of the query inside cannot be told apart")
        return found

    def _declare(self, fields: Node) -> Reading:
        query = mapping(fields.get("query"))
        options = fields.get("options", 0)
        holdable = bool(options & _HOLDABLE) if isinstance(options, int) else True
        binary = bool(options & _BINARY) if isinstance(options, int) else False
        outputs = origins(self._query_inside(query))
        portal = text(fields.get("portalname"))
        name = NameUse(NameVerb.DECLARE, portal, holdable=holdable, binary=binary, statements=False)
        return Reading(outputs, self._inner(query), name)

    def _prepare(self, fields: Node) -> Reading:
        for node in items(fields.get("argtypes")):
            self.cast(unwrap(node)[1])
        query = mapping(fields.get("query"))
        outputs = origins(self._query_inside(query))
        return Reading(outputs, self._inner(query), NameUse(NameVerb.PREPARE, text(fields.get("name")), portals=False))

    def _execute(self, fields: Node) -> Reading:
        self.parts(fields.get("params"), self.empty, Use.EXPRESSION, "EXECUTE")
        for number, argument in enumerate(items(fields.get("params")), 1):
            value = given(argument)
            if value is not None and not value.number:
                # Which column it meets, only what was prepared tells.
                self.facts.input(ColumnRef("", "", ""), Use.WRITTEN, "EXECUTE", replace(value, number=number))
        # No tree says how an argument becomes what its parameter is: by a cast that is somebody's own, where its type
        # is, or where there is such a cast at all.
        for argument in items(fields.get("params")):
            own = any(_of_own_type(kind, inside) for kind, inside in descend(argument))
            if own or not silent_casts_are_safe(self.catalog, _literal_types(argument)):
                self.facts.function_effect(Effect.ROUTINE)
                self.facts.give_up("an argument of a type that is not PostgreSQL's own")
        return Reading(None, names=NameUse(NameVerb.EXECUTE, text(fields.get("name")), portals=False))

    def _create_table_as(self, fields: Node) -> Reading:
        self.into(mapping(fields.get("into")))
        query = mapping(fields.get("query"))
        result = self._query_inside(query)
        self._new_table(result, "CREATE TABLE AS")
        return Reading(inner=self._inner(query))

    def _new_table(self, result: Result, where: str) -> None:
        for output in result.outputs:
            self.facts.use_all(output.origin, Use.WRITE, where)
        if result.more is not None:
            self.facts.use_all(result.more, Use.WRITE, where)

    def _view(self, fields: Node) -> Reading:
        self.facts.writes.add(unresolved(mapping(fields.get("view"))))
        self._query_inside(mapping(fields.get("query")))
        return Reading()

    def _explain(self, fields: Node) -> Reading:
        query = mapping(fields.get("query"))
        kind, inside = unwrap(query)
        if kind == "CreateTableAsStmt":
            reading = self._create_table_as(inside)
        elif kind == "DeclareCursorStmt":
            reading = Reading(inner=self._declare(inside).inner)
        else:
            self._query_inside(query)
            reading = Reading(inner=self._inner(query) if kind in LINEAGE else None)
        self.facts.reads |= {ref for ref in self.facts.writes if (ref.schema, ref.name) in self.catalog.by_name}
        if not _analyzes(fields):
            self.facts.effects &= self.facts.function_effects | {Effect.READ, Effect.ADMIN, Effect.UNKNOWN}
            self.facts.writes.clear()
        self.facts.effects.add(Effect.READ)
        for ref in sorted(self.facts.reads):
            relation = self.catalog.by_name.get((ref.schema, ref.name))
            if relation is not None:
                for column in relation.columns:
                    self.facts.use(relation.column_ref(column), Use.EXPRESSION, "EXPLAIN")
        reading.outputs = (Constant(),)
        return reading

    def _copy(self, fields: Node) -> Reading:
        query = mapping(fields.get("query"))
        if query:
            result = self._query_inside(query)
            inner = self._inner(query)
            shape = self.copy_query(fields, inner, len(result.outputs) if result.more is None else 0)
            return Reading(origins(result), inner, copy=shape)
        outputs, shape = self.copy_relation(fields, self.own_text)
        return Reading(outputs, copy=shape)

    # -- names, settings, transactions ---------------------------------------------------------------------

    def _fetch(self, fields: Node) -> Reading:
        moves = bool(fields.get("ismove"))
        verb = NameVerb.MOVE if moves else NameVerb.FETCH
        name = NameUse(verb, text(fields.get("portalname")), statements=False)
        return Reading(() if moves else None, names=name)

    def _discard(self, fields: Node) -> Reading:
        everything = fields.get("target", "DISCARD_ALL") == "DISCARD_ALL"
        if everything:
            self.facts.settings.append(Setting("all", None))
        return Reading(names=NameUse(NameVerb.DISCARD, None, portals=everything, statements=everything))

    def _transaction(self, fields: Node) -> Reading:
        verb = _TRANSACTION.get(text(fields.get("kind")).removeprefix("TRANS_STMT_"))
        if verb is None:
            self.facts.effects.add(Effect.UNKNOWN)
        if verb is TransactionVerb.PREPARED:
            self.facts.effects.add(Effect.ADMIN)
        return Reading(transaction=verb)

    def _show(self, fields: Node) -> Reading:
        return Reading((Constant(),) * (3 if fields.get("name") == "all" else 1))

    def _set(self, fields: Node) -> Reading:
        name, kind = text(fields.get("name")).lower(), fields.get("kind")
        local = bool(fields.get("is_local"))
        arguments = items(fields.get("args"))
        if kind == "VAR_SET_MULTI":
            self._set_transaction(name, arguments)
        elif kind == "VAR_RESET_ALL":
            self.facts.settings.append(Setting("all", None))
        elif kind in {"VAR_SET_DEFAULT", "VAR_RESET"}:
            self.facts.settings.append(Setting(name, None, local))
        else:
            value = setting_value(arguments) if kind == "VAR_SET_VALUE" else None
            self.facts.settings.append(Setting(name, value, local, constant=value is not None))
        if name in _PRIVILEGED:
            self.facts.effects.add(Effect.PRIVILEGE)
        return Reading()

    def _set_transaction(self, name: str, arguments: list[Node]) -> None:
        if name == "session characteristics":
            for argument in arguments:
                _, option = unwrap(argument)
                value = setting_value([mapping(option.get("arg"))])
                self.facts.settings.append(Setting(f"default_{text(option.get('defname'))}", value))
            return
        self.facts.effects.discard(Effect.SESSION)
        self.facts.effects.add(Effect.TRANSACTION)
        if name != "transaction":
            self.facts.effects.add(Effect.ADMIN)  # SET TRANSACTION SNAPSHOT: another session's view of the data

    def _call(self, fields: Node) -> Reading:
        self.value({"FuncCall": mapping(fields.get("funccall"))}, self.empty, Use.EXPRESSION, "CALL")
        return Reading(None)

    # -- everything else -----------------------------------------------------------------------------------

    def _named_relations(self, kind: str, fields: Node) -> None:
        """What a utility statement names it changes."""
        pending: list[object] = [fields]
        while pending:
            current = pending.pop()
            if isinstance(current, list):
                pending.extend(current)
            elif isinstance(current, dict):
                if isinstance(current.get("relname"), str):
                    self._changed(current)
                pending.extend(current.values())
        if kind == "DropStmt" and fields.get("removeType") in _RELATIONS:
            for node in items(fields.get("objects")):
                names = strings(unwrap(node)[1].get("items")) or ((string(node),) if string(node) else ())
                if names:
                    self._changed({"relname": names[-1], **({"schemaname": names[-2]} if len(names) > 1 else {})})
        if any(node_kind in LINEAGE for node_kind, _ in descend(fields)):
            self.facts.give_up(f"a query inside {kind}")

    def _code_inside(self, fields: Node) -> None:
        """Functions, operators and casts anywhere in a utility statement: defaults, conditions, keys, bounds. Some run
        at once (an index, a column that is added), the others whenever somebody touches what was made."""
        for kind, node in descend(fields):
            if kind == "FuncCall":
                self._call_inside(node)
            elif kind == "A_Expr":
                for names in operators_of(node):
                    self.operator(names, None, None)
            elif kind == "TypeCast":
                self.cast(mapping(node.get("typeName")))

    def _call_inside(self, call: Node) -> None:
        names, arguments = strings(call.get("funcname")), items(call.get("args"))
        resolved = resolve_function(self.catalog, names[-2] if len(names) > 1 else None, names[-1] if names else "")
        if resolved.name == "pg_catalog.set_config":
            self.set_config(arguments)
        if resolved.verdict is Verdict.MISSING and len(arguments) == 1 and type_effect(self.catalog, names) is None:
            return
        self.facts.functions.add(resolved.name)
        if resolved.effect is not Effect.WRITE:  # nextval: DDL is more than that
            self.facts.function_effect(resolved.effect)

    def _changed(self, fields: Node) -> None:
        relation = self.catalog.resolve(
            self.search_path, text(fields.get("schemaname")) or None, text(fields.get("relname"))
        )
        self.facts.writes.add(relation.ref if relation is not None else unresolved(fields))


def origins(result: Result) -> tuple[ColumnOrigin, ...] | None:
    """A result's origins by ordinal; None when their number is not known."""
    return None if result.more is not None else tuple(output.origin for output in result.outputs)


def setting_value(arguments: list[Node]) -> str | None:
    """SET's value as one text; None when it is not made of constants."""
    values: list[str] = []
    for argument in arguments:
        kind, fields = unwrap(argument)
        if kind != "A_Const":
            return None
        if "sval" in fields:
            values.append(text(mapping(fields["sval"]).get("sval")))
        elif "ival" in fields:
            values.append(str(mapping(fields["ival"]).get("ival", 0)))
        elif "fval" in fields:
            values.append(text(mapping(fields["fval"]).get("fval")))
        elif "boolval" in fields:
            values.append("on" if mapping(fields["boolval"]).get("boolval") else "off")
        else:
            return None
    return ", ".join(values) if values else None


def _named(verb: NameVerb, fields: Node, key: str) -> Reading:
    portals = verb is NameVerb.CLOSE
    return Reading(names=NameUse(verb, text(fields.get(key)) or None, portals=portals, statements=not portals))


def _analyzes(fields: Node) -> bool:
    """Whether EXPLAIN runs the statement; the last option of that name counts."""
    analyze = False
    for node in items(fields.get("options")):
        _, option = unwrap(node)
        if option.get("defname") != "analyze":
            continue
        kind, argument = unwrap(option.get("arg"))
        if kind == "Integer":
            analyze = argument.get("ival", 0) != 0
        elif kind == "Boolean":
            analyze = bool(argument.get("boolval"))
        else:
            analyze = text(argument.get("sval")).lower() not in _FALSE
    return analyze


def _literal_types(argument: Node) -> frozenset[int] | None:
    """OIDs of the types that a literal may have, none for a string, which is read as what is wanted; None for what is
    no literal (manual, "Constants")."""
    kind, fields = unwrap(argument)
    if kind != "A_Const":
        return None
    if "sval" in fields or fields.get("isnull") is True:
        return frozenset()
    return frozenset({_BOOL}) if "boolval" in fields else _NUMBERS if {"ival", "fval"} & fields.keys() else None


def _of_own_type(kind: str, fields: Node) -> bool:
    """Whether an expression makes a value of a type outside pg_catalog, a row among them."""
    if kind != "TypeCast":
        return kind == "RowExpr"
    names = strings(mapping(fields.get("typeName")).get("names"))
    return names[:-1] not in {(), ("pg_catalog",)} or names[-1].removeprefix("_") not in TYPES
