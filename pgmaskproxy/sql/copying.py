"""COPY: what flows out or in, in which shape, and the SELECT that stands for it."""

from __future__ import annotations

from pgmaskproxy.model import COPY_FROM, ColumnOrigin, Columns, CopyShape, Effect, Input, Opaque, Use
from pgmaskproxy.sql.catalog import Relation
from pgmaskproxy.sql.copyoptions import CopyOptions, copy_options
from pgmaskproxy.sql.grammar import lexemes
from pgmaskproxy.sql.routines import FIRST_NORMAL
from pgmaskproxy.sql.safety import silent_casts_are_safe
from pgmaskproxy.sql.scope import Scope
from pgmaskproxy.sql.sources import unresolved
from pgmaskproxy.sql.tree import Node, mapping, strings
from pgmaskproxy.sql.writes import Writes


class Copying(Writes):
    """The part of a reader that reads COPY."""

    @property
    def empty(self) -> Scope:
        """No names at all."""
        return Scope()

    def copy_query(self, fields: Node, inner: str | None, columns: int) -> CopyShape | None:
        """COPY (query) TO: the query's own text is the probe."""
        options = self._options(fields, to_client=True)
        if not self._through_protocol(fields):
            return None
        return CopyShape(True, inner or "", columns, options.layout, options.unsupported)

    def copy_relation(self, fields: Node, source: bytes) -> tuple[tuple[ColumnOrigin, ...] | None, CopyShape | None]:
        """COPY table TO or FROM: its outputs (none for FROM), and its shape when it flows through the protocol."""
        named = mapping(fields.get("relation"))
        incoming = bool(fields.get("is_from"))
        relation = self.lookup(named)
        ref = relation.ref if relation is not None else unresolved(named)
        names = strings(fields.get("attlist")) or _copied(relation)
        options = self._options(fields, to_client=not incoming)
        through = self._through_protocol(fields)
        if incoming:
            self._copy_from(fields, relation, names)
            shape = CopyShape(False, "", len(names), options.layout, options.unsupported)
            return (), shape if through else None
        self.facts.effects.add(Effect.READ)
        self.facts.reads.add(ref)
        if relation is None:
            self.facts.give_up(f'relation "{ref}" is not in the catalog')
            return None, CopyShape(True, "", 0, options.layout, options.unsupported) if through else None
        outputs = tuple(_origin(relation, name) for name in names)
        listed = ", ".join(quoted(name) for name in names)
        probe = f"SELECT {listed} FROM ONLY {relation_tokens(source)}"  # noqa: S608 - the client's own tokens, parsed apart
        shape = CopyShape(True, probe, len(names), options.layout, options.unsupported)
        return outputs, shape if through else None

    def _copy_from(self, fields: Node, relation: Relation | None, names: tuple[str, ...]) -> None:
        self.facts.effects.add(Effect.WRITE)
        named = mapping(fields.get("relation"))
        target = self.target(named)
        for number, name in enumerate(names, 1):
            self.written(target, name, "COPY FROM")
            column = relation.column(name) if relation is not None else None
            if relation is not None and column is not None:
                # A field of each row, by its place; its type says how it is written.
                ref = relation.column_ref(column)
                self.facts.inputs[Input(ref, Use.WRITTEN, COPY_FROM, number, type_oid=column.type_oid)] = None
        if "whereClause" in fields:
            self.predicate(mapping(fields["whereClause"]), Scope((target,)), "COPY FROM WHERE")
            own = relation is None or any(column.type_oid >= FIRST_NORMAL for column in relation.columns)
            if own or not silent_casts_are_safe(self.catalog):
                # No tree says by which casts columns are compared.
                self.facts.function_effect(Effect.ROUTINE)
                self.facts.give_up("a condition whose casts may be somebody's own")

    def _through_protocol(self, fields: Node) -> bool:
        if "filename" in fields or fields.get("is_program"):
            self.facts.effects |= {Effect.EXPORT, Effect.ADMIN}
            return False
        return True

    def _options(self, fields: Node, *, to_client: bool) -> CopyOptions:
        """COPY's options; what cannot be carried makes the statement one that nobody can read."""
        options = copy_options(fields.get("options"), to_client=to_client)
        if options.unsupported:
            self.facts.effects.add(Effect.EXPORT if to_client else Effect.UNKNOWN)
            self.facts.give_up(f"COPY with {options.unsupported}")
        return options


def quoted(name: str) -> str:
    """An identifier as SQL, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def relation_tokens(source: bytes) -> str:
    """The relation's name in `COPY [BINARY] name ...` as the client wrote it."""
    tokens = lexemes(source)
    start = 2 if tokens[1].text.lower() == "binary" else 1  # a keyword that names a relation only in quotes
    end = start + 1
    while end + 1 < len(tokens) and tokens[end].text == ".":
        end += 2
    return source[tokens[start].start : tokens[end - 1].end].decode()


def _copied(relation: Relation | None) -> tuple[str, ...]:
    """The columns that COPY takes where none are listed: generated ones are left out."""
    return tuple(column.name for column in relation.columns if not column.generated) if relation is not None else ()


def _origin(relation: Relation, name: str) -> ColumnOrigin:
    column = relation.column(name)
    return Columns(frozenset({relation.column_ref(column)})) if column is not None else Opaque(f'no column "{name}"')
