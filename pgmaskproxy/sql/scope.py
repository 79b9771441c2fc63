"""Names in scope, as PostgreSQL's parse_relation.c keeps them.

A `Scope` is one query's namespace with the enclosing query's behind it. An `Item` is something in FROM. A column
is looked for in every level before a name is taken for a whole row; a level where a column was given that name by
the catalog or in writing ends the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, final

from pgmaskproxy.model import ColumnOrigin, Opaque
from pgmaskproxy.sql.catalog import SYSTEM_COLUMNS, Relation
from pgmaskproxy.sql.origins import CLEAN, Output, Result, either, guessed, row_of


class NamedQuery(Protocol):
    """A WITH query, read when it is first asked for."""

    def result(self) -> Result:
        """Its columns."""
        ...


@final
class Item:
    """Something in FROM. `more` is set when it may have columns that are not listed. Never changed once it is made."""

    def __init__(
        self,
        name: str,
        outputs: tuple[Output, ...],
        more: ColumnOrigin | None = None,
        relation: Relation | None = None,
        schema: str | None = None,
        *,
        columns_visible: bool = True,
    ) -> None:
        self.name = name
        self.outputs = outputs
        self.more = more
        self.relation = relation
        self.schema = schema
        """Of a relation without an alias: it can be named `schema.name.column`."""
        self.columns_visible = columns_visible
        """Its columns answer to their bare names, and to `*`."""
        self.name_visible = True
        self.target = False
        """The relation that the statement writes: read only if one of its columns is named."""
        self.unsure: ColumnOrigin | None = guessed(outputs)
        """What may answer to any name: the columns whose names are guessed."""
        self._places: dict[str, list[int]] | None = None

    def called(self, name: str, schema: str | None) -> Item:
        """The same under another name."""
        made = self._copied()
        made.name, made.schema = name, schema
        return made

    def written(self) -> Item:
        """The same as what the statement writes."""
        made = self._copied()
        made.target = True
        return made

    def joined(self) -> Item:
        """The same in a join, which offers its columns: they answer only to its name."""
        made = self._copied()
        made.columns_visible = False
        return made

    def nameless(self) -> Item:
        """The same, only its columns to be named."""
        made = self._copied()
        made.name_visible = False
        return made

    def replaced(self, outputs: tuple[Output, ...]) -> Item:
        """The same with other columns."""
        made = Item(self.name, outputs, self.more, self.relation, self.schema, columns_visible=self.columns_visible)
        made.name_visible, made.target = self.name_visible, self.target
        return made

    def _copied(self) -> Item:
        made = Item(self.name, (), self.more, self.relation, self.schema, columns_visible=self.columns_visible)
        made.outputs, made.unsure = self.outputs, self.unsure
        made._places = self._by_name()
        made.name_visible, made.target = self.name_visible, self.target
        return made

    def _by_name(self) -> dict[str, list[int]]:
        """Where the columns of each name are."""
        places = self._places
        if places is None:
            places = {}
            for place, output in enumerate(self.outputs):
                places.setdefault(output.name, []).append(place)
            self._places = places
        return places

    def column(self, name: str) -> Output | None:
        """The column of that name; None when there is none. An ambiguous one is Opaque, a guessed one any such."""
        found = [self.outputs[place] for place in self._by_name().get(name, ())]
        written = [output for output in found if not output.guessed]
        if len(written) > 1:
            return Output(name, Opaque(f'column reference "{name}" is ambiguous'))
        if written:
            return written[0]
        if found and self.unsure is not None:
            return Output(name, self.unsure, guessed=True)
        if name in SYSTEM_COLUMNS and (self.relation is not None and self.relation.kind != "v"):
            return Output(name, CLEAN)
        return None

    def row(self) -> ColumnOrigin:
        """The whole row as one value."""
        return row_of(self.outputs, self.more)


@dataclass(frozen=True, slots=True)
class Scope:
    """A query's namespace. `ctes` are all WITH queries in sight."""

    items: tuple[Item, ...] = ()
    parent: Scope | None = None
    ctes: Mapping[str, NamedQuery] = field(default_factory=dict)

    def levels(self) -> Iterator[Scope]:
        """This query's namespace, then each enclosing one's."""
        level: Scope | None = self
        while level is not None:
            yield level
            level = level.parent

    def seeing(self, *items: Item) -> Scope:
        """The same level with more items."""
        return replace(self, items=(*self.items, *items))

    def only(self, *items: Item) -> Scope:
        """The same level with just these items."""
        return replace(self, items=items)


@dataclass(frozen=True, slots=True)
class Found:
    """A name resolved: to a column, or (`row`) to a whole row, or to `attribute` of a row that has no such column."""

    output: Output
    items: tuple[Item, ...] = ()
    """What it came out of."""
    row: Item | None = None
    attribute: str | None = None


Names: TypeAlias = tuple[str, ...]


def find_item(scope: Scope, names: Names) -> Item | None:
    """The item that `name` or `schema.name` (or `database.schema.name`) means."""
    for level in scope.levels():
        for item in level.items:
            if not item.name_visible or item.name != names[-1]:
                continue
            if len(names) == 1 or (item.schema is not None and item.schema == names[-2]):
                return item
    return None


def find(scope: Scope, names: Names) -> Found | None:
    """What a column reference means; None when nothing in sight has that name."""
    if len(names) == 1:
        return _find_bare(scope, names[0])
    item = find_item(scope, names[:-1])
    if item is None:
        return None
    output = item.column(names[-1])
    if output is not None:
        return Found(output, (item,))
    if item.more is not None or item.unsure is not None:
        return Found(Output(names[-1], item.row()), (item,))
    return Found(Output(names[-1], item.row()), (item,), row=item, attribute=names[-1])


def local_column(scope: Scope, name: str) -> bool:
    """Whether this query's own FROM certainly has a column of that name."""
    found = (item.column(name) for item in scope.items if item.columns_visible)
    return any(output is not None and not output.guessed for output in found)


def may_be_local(scope: Scope, name: str) -> bool:
    """Whether it has one, or may have."""
    return any(
        item.column(name) is not None or item.more is not None or item.unsure is not None
        for item in scope.items
        if item.columns_visible
    )


def _find_bare(scope: Scope, name: str) -> Found | None:
    possible: list[Found] = []
    for level in scope.levels():
        hits = [
            Found(output, (item,))
            for item in level.items
            if item.columns_visible and (output := item.column(name)) is not None and not output.guessed
        ]
        if len(hits) > 1 and not possible:
            ambiguous = Opaque(f'column reference "{name}" is ambiguous')
            return Found(Output(name, ambiguous), tuple(item for hit in hits for item in hit.items))
        if hits:
            possible.extend(hits)
            break
        possible.extend(
            Found(Output(name, item.more), (item,))
            for item in level.items
            if item.columns_visible and item.more is not None
        )
        # A guessed name may be this one, and if it is not, the name means what it means further out.
        possible.extend(
            Found(Output(name, item.unsure, guessed=True), (item,))
            for item in level.items
            if item.columns_visible and item.unsure is not None
        )
    else:
        item = find_item(scope, (name,))
        if item is not None:
            row = Found(Output(name, item.row()), (item,), row=item)
            if not possible:
                return row
            possible.append(row)
    if not possible:
        return None
    if len(possible) == 1:
        return possible[0]
    origin = possible[0].output.origin
    for other in possible[1:]:
        origin = either(origin, other.output.origin)
    return Found(Output(name, origin), tuple(item for found in possible for item in found.items))
