"""What the server has, as one immutable value: relations, columns, functions, types, operators.

Loaded by `proxy/catalog.py` on a connection of the proxy's own, or from the JSON snapshot that `policy test` uses.
Functions, types and operators are those *outside* pg_catalog and information_schema: what ships with PostgreSQL is in
`sql/data/builtins.json`. Relations are all of them, the system's own included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from pgmaskproxy.model import ColumnRef, DataType, RelationRef, TypeKind
from pgmaskproxy.sql import support
from pgmaskproxy.sql.support import Support

SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "pg_toast"})

SYSTEM_COLUMNS: Final = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
"""Of every table (manual 5.6): they carry no value of a column."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation. `generated` is pg_attribute.attgenerated: '' or s(tored) or v(irtual)."""

    number: int
    name: str
    type_oid: int
    generated: str = ""
    expression: str = ""
    """The generation expression, as pg_get_expr prints it."""
    rows_of: tuple[int, ...] = ()
    """OIDs of relations outside the system's schemas whose rows its type holds: as it is, or in an array, a range, a
    domain or another row."""
    filled: bool = False
    """A row that is given no value for it may have one: it, or its type, has a default, or it is an identity column."""
    modifier: int = -1
    """pg_attribute.atttypmod: the length of a varchar, the digits of a numeric."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns (by number) of a relation that reference columns of another, pairwise."""

    columns: tuple[int, ...]
    referenced: int
    """The OID of the relation referenced."""
    referenced_columns: tuple[int, ...]
    cascades: bool = False
    """Whether a write to the relation referenced writes here too: CASCADE, SET NULL, SET DEFAULT."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index, by the numbers of its relation's columns. The columns of an expression count one and all."""

    keys: tuple[int, ...]
    """What it is ordered by, leading or not; what it INCLUDEs is left out."""
    columns: tuple[int, ...] = ()
    """The keys, and what its predicate reads."""
    unique: bool = False
    """It keeps rows out: UNIQUE, or of an exclusion constraint."""
    scanned: bool = False
    """Rows may come in its order: its access method gives one after the other, not only a bitmap."""
    expressions: tuple[str, ...] = ()
    """Of its keys and its predicate, as pg_get_expr prints them: a list with commas, and a condition."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation. `kind` is pg_class.relkind: r p v m f S t c."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    """In order of number, dropped ones left out: the order in which a star expands."""
    owner: str = ""
    definition: str = ""
    """Of a view or materialized view outside the system's schemas: its query."""
    parents: tuple[int, ...] = ()
    """OIDs it inherits from or is a partition of."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    has_triggers: bool = False
    """Triggers of somebody's own; a foreign key's do not count."""
    has_rules: bool = False
    """Rewrite rules other than a view's own."""
    definition_tree: str = ""
    """The same as `definition` in the server's own words, pg_rewrite.ev_action: what closure goes by."""
    runs_functions: bool = False
    """Functions of somebody's own run in its defaults, constraints, indexes, partition key or row security."""
    default_functions: tuple[int, ...] = ()
    """OIDs of functions of somebody's own in its columns' defaults: who may insert a row runs them."""
    indexes: tuple[Index, ...] = ()
    """Outside the system's schemas."""
    checks: tuple[tuple[int, ...], ...] = ()
    """The columns of each CHECK constraint, and of each partition key here or above, that has several."""

    @property
    def ref(self) -> RelationRef:
        return RelationRef(self.schema, self.name)

    def column_ref(self, column: Column) -> ColumnRef:
        """The shared noun for one of its columns."""
        return ColumnRef(self.schema, self.name, column.name)

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Function:
    """A function outside the system's schemas. `kind` is pg_proc.prokind: f p a w."""

    oid: int
    schema: str
    name: str
    arguments: str
    kind: str = "f"
    language: str = ""
    volatility: str = "v"
    extension: str = ""
    """The extension that it is a member of."""
    digest: str = ""
    """SHA-256, in hex, of all that decides what it does: source, binary, settings, security mode, owner."""
    supports: tuple[int, ...] = ()
    """OIDs of the functions that it runs itself: an aggregate's transition functions."""

    @property
    def signature(self) -> str:
        """`schema.name(types)`, as `trust:` names it."""
        return f"{self.schema}.{self.name}({self.arguments})"


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type outside the system's schemas. `kind` is pg_type.typtype: b c d e p r m.

    `checked` is True for a domain with a constraint or over a type that is not the system's own.
    """

    oid: int
    schema: str
    name: str
    kind: str
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator outside the system's schemas; a type OID of 0 is no operand on that side."""

    schema: str
    name: str
    left: int
    right: int
    oid: int = 0
    function: int = 0
    """The OID of the function that it runs."""


@dataclass(frozen=True)
class Catalog:
    """A snapshot. `version` is server_version_num."""

    relations: tuple[Relation, ...] = ()
    functions: tuple[Function, ...] = ()
    types: tuple[TypeName, ...] = ()
    operators: tuple[Operator, ...] = ()
    version: int = 0
    database: str = ""
    schemas: tuple[str, ...] = field(default=())
    stamp: str = ""
    """Differs when something changed that is not in here: a cast, a policy, a trigger, a role's settings. Two catalogs
    that differ in nothing else are two all the same: what was decided under the one is decided again."""
    data_types: tuple[tuple[int, DataType], ...] = ()
    """What types outside the system's schemas are made of, with their OIDs; arrays and row types too. For masks."""
    support: Support = field(default_factory=Support)
    trusted: frozenset[int] = frozenset()
    """OIDs of the functions outside the system's schemas that the operator vouches for, as long as they are pinned
    (`sql/trust`). Not the server's to say."""
    trusted_views: frozenset[int] = frozenset()
    """OIDs of views, the same."""

    @cached_property
    def kept(self) -> dict[int, object]:
        """What readers of statements make of a relation, by its OID: for as long as the snapshot is."""
        return {}

    @cached_property
    def view_readings(self) -> dict[int, tuple[Relation, Any]]:
        """And what its definition says, of a view."""
        return {}

    @cached_property
    def by_oid(self) -> Mapping[int, Relation]:
        return MappingProxyType({relation.oid: relation for relation in self.relations})

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], Relation]:
        return MappingProxyType({(relation.schema, relation.name): relation for relation in self.relations})

    @cached_property
    def children(self) -> Mapping[int, tuple[Relation, ...]]:
        """Partitions and inheritance children of a relation, one step down."""
        found: dict[int, list[Relation]] = {}
        for relation in self.relations:
            for parent in relation.parents:
                found.setdefault(parent, []).append(relation)
        return MappingProxyType({oid: tuple(children) for oid, children in found.items()})

    @cached_property
    def referencing(self) -> Mapping[int, tuple[tuple[Relation, ForeignKey], ...]]:
        """The foreign keys that reference a relation, each with the relation whose it is."""
        found: dict[int, list[tuple[Relation, ForeignKey]]] = {}
        for relation in self.relations:
            for key in relation.foreign_keys:
                found.setdefault(key.referenced, []).append((relation, key))
        return MappingProxyType({oid: tuple(keys) for oid, keys in found.items()})

    @cached_property
    def functions_by_name(self) -> Mapping[str, tuple[Function, ...]]:
        return _grouped(self.functions)

    @cached_property
    def functions_by_oid(self) -> Mapping[int, Function]:
        return MappingProxyType({function.oid: function for function in self.functions})

    @cached_property
    def operators_by_oid(self) -> Mapping[int, Operator]:
        return MappingProxyType({operator.oid: operator for operator in self.operators})

    @cached_property
    def types_by_name(self) -> Mapping[str, tuple[TypeName, ...]]:
        return _grouped(self.types)

    @cached_property
    def types_by_oid(self) -> Mapping[int, DataType]:
        return MappingProxyType(dict(self.data_types))

    @cached_property
    def operators_by_name(self) -> Mapping[str, tuple[Operator, ...]]:
        return _grouped(self.operators)

    def resolve(self, search_path: Iterable[str], schema: str | None, name: str) -> Relation | None:
        """The relation a name means: of `schema`, or the first on the (effective) search path."""
        if schema is not None:
            return self.by_name.get((schema, name))
        for candidate in search_path:
            found = self.by_name.get((candidate, name))
            if found is not None:
                return found
        return None

    def column_refs(self) -> Mapping[tuple[int, int], ColumnRef]:
        """Every column by (relation's OID, column's number)."""
        return {
            (relation.oid, column.number): relation.column_ref(column)
            for relation in self.relations
            for column in relation.columns
        }

    def relation_oids(self) -> frozenset[int]:
        """The OIDs of every relation in the snapshot."""
        return frozenset(self.by_oid)

    def to_json(self) -> str:
        """A snapshot, one object a line, that `from_json` reads back."""
        head = {"version": self.version, "database": self.database, "schemas": self.schemas}
        if self.stamp:
            head["stamp"] = self.stamp
        if self.trusted:
            head["trusted"] = sorted(self.trusted)
        if self.trusted_views:
            head["trusted_views"] = sorted(self.trusted_views)
        lines = [json.dumps(head)]
        if self.support != Support():
            lines.append(json.dumps({"support": support.to_json(self.support)}))
        for kind, values in (
            ("relation", self.relations),
            ("function", self.functions),
            ("type", self.types),
            ("operator", self.operators),
        ):
            lines.extend(json.dumps({kind: _plain(value)}, ensure_ascii=False) for value in values)
        for oid, made in self.data_types:
            lines.append(json.dumps({"data_type": {"oid": oid, **_data_type(made)}}, ensure_ascii=False))
        return "\n".join(lines) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Catalog:
        """The catalog of a snapshot. Raises ValueError for what `to_json` did not write."""
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        try:
            head = lines[0]
            return cls(
                relations=tuple(_relation(line["relation"]) for line in lines if "relation" in line),
                functions=tuple(_function(line["function"]) for line in lines if "function" in line),
                types=tuple(TypeName(**line["type"]) for line in lines if "type" in line),
                operators=tuple(Operator(**line["operator"]) for line in lines if "operator" in line),
                version=int(head["version"]),
                database=str(head["database"]),
                schemas=tuple(head["schemas"]),
                stamp=str(head.get("stamp", "")),
                data_types=tuple(_read_type(line["data_type"]) for line in lines if "data_type" in line),
                support=next((support.from_json(line["support"]) for line in lines if "support" in line), Support()),
                trusted=frozenset(head.get("trusted", ())),
                trusted_views=frozenset(head.get("trusted_views", ())),
            )
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"not a catalog snapshot: {error}") from error


def _data_type(made: DataType) -> dict[str, object]:
    """A type as JSON, what it does not have left out."""
    plain = {"kind": made.kind.value, "of": made.of, "first": made.first, "fields": [*map(list, made.fields)]}
    modifier = {} if made.modifier == -1 else {"modifier": made.modifier}
    return {**{name: value for name, value in plain.items() if value}, **modifier}


def _read_type(data: dict[str, Any]) -> tuple[int, DataType]:
    fields = tuple((int(oid), int(modifier)) for oid, modifier in data.get("fields", ()))
    kind = TypeKind(data["kind"])
    return int(data["oid"]), DataType(kind, data.get("of", 0), data.get("modifier", -1), data.get("first", ""), fields)


def _grouped(values: Iterable[Any]) -> Mapping[str, tuple[Any, ...]]:
    groups: dict[str, list[Any]] = {}
    for value in values:
        groups.setdefault(value.name, []).append(value)
    return MappingProxyType({name: tuple(group) for name, group in groups.items()})


def _plain(value: object) -> object:
    """A dataclass as JSON, fields at their default left out."""
    if isinstance(value, (Relation, Column, ForeignKey, Index, Function, TypeName, Operator)):
        return {
            item.name: _plain(getattr(value, item.name))
            for item in fields(value)
            if getattr(value, item.name) != item.default
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _function(data: dict[str, Any]) -> Function:
    rest = dict(data)
    return Function(supports=tuple(rest.pop("supports", ())), **rest)


def _relation(data: dict[str, Any]) -> Relation:
    rest = dict(data)
    columns = tuple(Column(**{**column, "rows_of": tuple(column.get("rows_of", ()))}) for column in rest.pop("columns"))
    keys = tuple(
        ForeignKey(**{**key, "columns": tuple(key["columns"]), "referenced_columns": tuple(key["referenced_columns"])})
        for key in rest.pop("foreign_keys", ())
    )
    indexes = tuple(
        Index(**{**index, **{name: tuple(index.get(name, ())) for name in ("keys", "columns", "expressions")}})
        for index in rest.pop("indexes", ())
    )
    checks = tuple(tuple(check) for check in rest.pop("checks", ()))
    parents = tuple(rest.pop("parents", ()))
    rest["default_functions"] = tuple(rest.get("default_functions", ()))
    return Relation(columns=columns, foreign_keys=keys, parents=parents, indexes=indexes, checks=checks, **rest)
