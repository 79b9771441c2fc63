"""What everything that a tree runs may do, judged by OID (THREATS R5).

Operators, casts through text, domains, comparisons and operator classes are the functions behind them. What the
server ships has its class, an extension's or a user's function is a ROUTINE unless `trust:` names it, and what
nobody knows is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from pgmaskproxy.model import Effect
from pgmaskproxy.sql.attest.attestation import Called
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.routines import EFFECTS, FIRST_UNPINNED, OPERATORS, SAFE, RoutineClass
from pgmaskproxy.sql.safety import every_type_is_safe, shipped, unsafe_behind, unsafe_of_order, unsafe_of_type
from pgmaskproxy.sql.support import ClassSupport

SPECIAL: Final[Mapping[str, int]] = MappingProxyType(
    {
        "SQLVALUEFUNCTION": 14,  # SVFOP_CURRENT_SCHEMA
        "XMLEXPR": 7,  # IS_DOCUMENT
        "JSONEXPR": 3,  # JSON_TABLE_OP
        "JSONCONSTRUCTOREXPR": 7,  # JSCTOR_JSON_SERIALIZE
        "JSONISPREDICATE": 3,  # JS_TYPE_SCALAR
        "TABLEFUNC": 1,  # TFT_JSON_TABLE
    }
)
"""Nodes that do something of their own, all of it safe, and the highest number that any known version has for it."""


@dataclass(frozen=True, slots=True)
class CallVerdict:
    """What the calls of one statement add to it."""

    effects: frozenset[Effect] = frozenset()
    functions: frozenset[str] = frozenset()
    """`schema.name` of everything that is not plainly safe."""
    unknown: tuple[str, ...] = ()
    """What could not be resolved, in words; UNKNOWN is then among the effects."""
    constant_independent: bool = True
    """Whether no function's arguments can choose what it reads or runs, so that other constants change nothing."""


def judge_calls(called: Called, catalog: Catalog) -> CallVerdict:
    """What running `called` may do on the server that `catalog` is of. Trust is `catalog.trusted`."""
    judge = _Judge(catalog)
    for oid in called.functions | called.aggregates | called.windows:
        judge.function(oid)
    for oid in called.operators:
        judge.operator(oid)
    for source, target in called.casts:
        judge.type(source)
        judge.type(target)
    for oid in called.domains | called.types:
        judge.type(oid)
    for oid in called.compared:
        judge.behind(unsafe_of_order(catalog, oid), f"the order of type {oid}")
    for oid in called.classes:
        judge.support(oid, catalog.support.classes_by_oid, "operator class")
    for oid in called.families:
        judge.support(oid, catalog.support.families_by_oid, "operator family")
    for name in called.special:
        judge.special(name)
    return judge.verdict()


@final
class _Judge:
    """A verdict in the making."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.effects: set[Effect] = set()
        self.functions: set[str] = set()
        self.unknown: set[str] = set()
        self.independent = True

    def verdict(self) -> CallVerdict:
        if self.unknown:
            self.effects.add(Effect.UNKNOWN)
        return CallVerdict(
            effects=frozenset(self.effects),
            functions=frozenset(self.functions),
            unknown=tuple(sorted(self.unknown)),
            constant_independent=self.independent and not self.unknown,
        )

    def function(self, oid: int) -> None:
        """A function that the statement calls itself."""
        found = shipped(self.catalog, oid)
        if found is None:
            self._outside(oid)
        elif found[1] in SAFE:
            pass
        elif found[1] is RoutineClass.ORACLE and every_type_is_safe(self.catalog):
            self.independent = False
        else:
            self._effect(found[0].partition("(")[0], EFFECTS[found[1]])

    def operator(self, oid: int) -> None:
        """An operator is its function."""
        found = OPERATORS.get(oid) if oid < FIRST_UNPINNED else None
        if found is not None:
            self.function(found[1])
            return
        own = self.catalog.operators_by_oid.get(oid)
        if own is None:
            self.unknown.add(f"operator {oid}")
        else:
            self.function(own.function)

    def type(self, oid: int) -> None:
        """A type whose values are made, or shown as text."""
        if oid == 0 and every_type_is_safe(self.catalog):
            return
        self.behind(unsafe_of_type(self.catalog, oid), f"type {oid}")

    def support(self, oid: int, known: Mapping[int, ClassSupport], what: str) -> None:
        """An operator class or family; the server's own are safe unless somebody has added to them."""
        found = known.get(oid)
        if found is not None:
            self.behind(unsafe_behind(self.catalog, found.functions), what)
        elif not 0 < oid < FIRST_UNPINNED:
            self.unknown.add(f"{what} {oid}")

    def special(self, name: str) -> None:
        """A node that does something of its own: `LABEL number`."""
        label, _, number = name.partition(" ")
        if label not in SPECIAL or not re.fullmatch("[0-9]+", number) or int(number) > SPECIAL[label]:
            self.unknown.add(name)

    def behind(self, functions: Iterable[int] | None, what: str) -> None:
        """Functions that run though nothing calls them; None where they are not known."""
        if functions is None:
            self.unknown.add(what)
            return
        for oid in functions:
            found = shipped(self.catalog, oid)
            if found is not None:
                self._effect(found[0].partition("(")[0], EFFECTS[found[1]])
            elif oid == 0:
                self.unknown.add(what)
            else:
                self._outside(oid)

    def _outside(self, oid: int) -> None:
        own = self.catalog.functions_by_oid.get(oid)
        if own is None:
            self.unknown.add(f"function {oid}")
        elif oid not in self.catalog.trusted:
            self._effect(f"{own.schema}.{own.name}", Effect.ROUTINE)
        elif own.volatility != "i":
            self.independent = False  # it may read, and its arguments say what

    def _effect(self, name: str, effect: Effect) -> None:
        self.functions.add(name)
        self.effects.add(effect)
        self.independent = False
