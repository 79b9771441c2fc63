"""The functions that run without being called: those behind types and operator classes that are not the server's own.

Making a value of a type runs its input function, and its constraints' functions if it is a domain; comparing two runs
its operator class (manual, "Interfacing Extensions to Indexes"). A text never says so, and a tree names only the type.
Everything is by OID. What is below `routines.FIRST_UNPINNED` is part of the server, and left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pgmaskproxy.sql.routines import BEHIND, FIRST_UNPINNED, builtin


@dataclass(frozen=True, slots=True)
class TypeSupport:
    """One type's functions. 0 among them is one that could not be told."""

    oid: int
    name: str
    """`schema.name`."""
    functions: tuple[int, ...] = ()
    """In and out, modifiers, subscripts, a range's own, and everything that a domain's constraints call."""
    comparison: tuple[int, ...] = ()
    """Of its default order."""
    parts: tuple[int, ...] = ()
    """Types it is made of: a domain's base, an array's elements, a row's columns."""


@dataclass(frozen=True, slots=True)
class ClassSupport:
    """An operator class's functions, or a family's."""

    oid: int
    name: str
    functions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemFunction:
    """A function of pg_catalog or information_schema whose OID does not tell which one it is."""

    oid: int
    signature: str
    """`schema.name(types)`."""


@dataclass(frozen=True)
class Support:
    """All of it, for one database."""

    types: tuple[TypeSupport, ...] = ()
    """Those that run anything but the server's own input, output, order and harmless checks; and types made of them."""
    plain: frozenset[int] = frozenset()
    """The other types: enums, most rows and arrays."""
    classes: tuple[ClassSupport, ...] = ()
    families: tuple[ClassSupport, ...] = ()
    system: tuple[SystemFunction, ...] = ()
    casts: tuple[tuple[int, int], ...] = ()
    """Casts that nobody has to write down (manual, "CREATE CAST": assignment and implicit): from type, function."""

    @cached_property
    def types_by_oid(self) -> dict[int, TypeSupport]:
        return {found.oid: found for found in self.types}

    @cached_property
    def classes_by_oid(self) -> dict[int, ClassSupport]:
        return {found.oid: found for found in self.classes}

    @cached_property
    def families_by_oid(self) -> dict[int, ClassSupport]:
        return {found.oid: found for found in self.families}

    @cached_property
    def signatures(self) -> dict[int, str]:
        return {found.oid: found.signature for found in self.system}

    def made_of(self, oid: int) -> tuple[TypeSupport, ...] | None:
        """A type and those it is made of, plain ones and the server's left out; None where one is not known."""
        found: dict[int, TypeSupport] = {}
        pending = [oid]
        while pending:
            current = pending.pop()
            if current in found or current in self.plain or 0 < current < FIRST_UNPINNED:
                continue
            support = self.types_by_oid.get(current)
            if support is None:
                return None
            found[current] = support
            pending.extend(support.parts)
        return tuple(found.values())


def settle(rows: tuple[TypeSupport, ...], major: int) -> tuple[tuple[TypeSupport, ...], frozenset[int]]:
    """`types` and `plain` of a Support, out of every type of a server of that major version."""
    special = {row.oid for row in rows if not all(_is_plain(oid, major) for oid in (*row.functions, *row.comparison))}
    growing = True
    while growing:
        more = {row.oid for row in rows if row.oid not in special and special.intersection(row.parts)}
        special |= more
        growing = bool(more)
    return tuple(row for row in rows if row.oid in special), frozenset(
        row.oid for row in rows if row.oid not in special
    )


def _is_plain(oid: int, major: int) -> bool:
    """Whether a function is the server's own and nothing but what makes, shows, checks or compares a value."""
    found = builtin(oid, major) if oid < FIRST_UNPINNED else None
    return found is not None and found[1] in BEHIND


def to_json(support: Support) -> dict[str, Any]:
    """As plain lists: `from_json` reads them."""
    return {
        "types": [[row.oid, row.name, row.functions, row.comparison, row.parts] for row in support.types],
        "plain": sorted(support.plain),
        "classes": [[row.oid, row.name, row.functions] for row in support.classes],
        "families": [[row.oid, row.name, row.functions] for row in support.families],
        "system": [[row.oid, row.signature] for row in support.system],
        "casts": [list(cast) for cast in support.casts],
    }


def from_json(data: dict[str, Any]) -> Support:
    """What `to_json` wrote. Raises KeyError, TypeError and ValueError for what it did not."""
    return Support(
        types=tuple(
            TypeSupport(oid, name, *(tuple(part) for part in (functions, comparison, parts)))
            for oid, name, functions, comparison, parts in data["types"]
        ),
        plain=frozenset(data["plain"]),
        classes=tuple(ClassSupport(oid, name, tuple(functions)) for oid, name, functions in data["classes"]),
        families=tuple(ClassSupport(oid, name, tuple(functions)) for oid, name, functions in data["families"]),
        system=tuple(SystemFunction(oid, signature) for oid, signature in data["system"]),
        casts=tuple((source, function) for source, function in data.get("casts", ())),
    )
