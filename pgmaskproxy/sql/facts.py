"""What reading a statement has found so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import ColumnOrigin, ColumnRef, ColumnUse, Effect, Input, Opaque, RelationRef, Setting, Use
from pgmaskproxy.sql.catalog import Relation
from pgmaskproxy.sql.comparing import Given
from pgmaskproxy.sql.origins import columns_of, computed

MAX_STEPS: Final = 20_000
"""Queries visited for one statement. Recursive WITH inside recursive WITH multiplies."""


@final
class Facts:
    """A statement's facts, gathered while its tree is walked. One per statement, then dropped."""

    __slots__ = (
        "_uses",
        "effects",
        "function_effects",
        "functions",
        "inputs",
        "looked",
        "loose",
        "opaque",
        "placed",
        "reads",
        "settings",
        "steps",
        "views",
        "without_where",
        "writes",
    )

    def __init__(self) -> None:
        self.effects: set[Effect] = set()
        """Without those that only functions, casts and operators bring."""
        self.function_effects: set[Effect] = set()
        self.reads: set[RelationRef] = set()
        self.writes: set[RelationRef] = set()
        self.functions: set[str] = set()
        self.settings: list[Setting] = []
        self.inputs: dict[Input, None] = {}
        """Literals and parameters beside a column. Where else a parameter stands, the server's tree tells."""
        self.looked = False
        """Whether what a constant says has decided anything here, and not only of which kind it is; `inputs` aside."""
        self.placed: set[int] = set()
        """Where the literals among them are."""
        self.loose: dict[tuple[ColumnRef, str], None] = {}
        """Columns that something else than a column, a literal or a parameter is written to, and where."""
        self.views: dict[int, Relation] = {}
        """Views outside the system's schemas that are read, by OID."""
        self.opaque = ""
        self.without_where = False
        self.steps = 0
        self._uses: dict[tuple[ColumnUse, int], None] = {}

    @property
    def all_effects(self) -> frozenset[Effect]:
        """What the statement does, whatever in it does it."""
        return frozenset(self.effects | self.function_effects)

    @property
    def uses(self) -> tuple[ColumnUse, ...]:
        """In the order found; a term of the text that was walked twice counts once."""
        return tuple(use for use, _ in self._uses)

    def step(self) -> None:
        """Count a query. Raises Unparsable 54001 over `MAX_STEPS`."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unparsable("statement is too complex", sqlstate="54001")

    def function_effect(self, effect: Effect | None) -> None:
        """An effect that a function, cast or operator brings; None for none."""
        if effect is not None:
            self.function_effects.add(effect)

    def give_up(self, reason: str) -> Opaque:
        """Say why an origin is not known. Only the first reason is kept for people."""
        if not self.opaque:
            self.opaque = reason
        return Opaque(reason)

    def use(self, column: ColumnRef, use: Use, where: str, at: int = 0, target: ColumnRef | None = None) -> None:
        """One column's use at byte `at` of the text."""
        self._uses[ColumnUse(column, use, where, target), at] = None

    def total(self, column: ColumnRef, where: str, at: int) -> None:
        """One column inside an output that is made by total functions."""
        self._uses[ColumnUse(column, Use.EXPRESSION, where, total=True), at] = None

    def equality(self, column: ColumnRef, where: str, at: int, given: Sequence[Given], *, many: bool = False) -> None:
        """One guess at a column's value, or `many`."""
        parameter = bool(given) and all(each.number for each in given)
        self._uses[ColumnUse(column, Use.EQUALITY, where, parameter=parameter, many=many), at] = None
        for each in given:
            self.input(column, Use.EQUALITY, where, each)

    def input(self, column: ColumnRef, use: Use, where: str, given: Given) -> None:
        """A literal or parameter that is compared with a column, or written to it."""
        self.placed.add(given.at)
        self.inputs[Input(column, use, where, given.number, given.literal, given.array)] = None

    def use_all(self, origin: ColumnOrigin, use: Use, where: str, at: int = 0) -> ColumnOrigin:
        """The use of every column in an origin; what is computed from it then."""
        for column in sorted(columns_of(origin)):
            self.use(column, use, where, at)
        return computed((origin,))
