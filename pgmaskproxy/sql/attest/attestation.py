"""What a tree attests: outputs, uses, relations and functions, by OID. Labels and names are others' affair."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, final

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.flows import Column, Flow
from pgmaskproxy.sql.attest.reader import Node
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.shape import number

MAX_STEPS: Final = 200_000
"""Nodes visited for one statement, a query counting as many. Recursive WITH inside recursive WITH multiplies."""

ROW_SECURITY: Final = -1
"""In the place of a view: the condition of a policy."""
ROWS: Final[Column] = (0, 0)
"""In the place of a column: how many rows there are, or which."""

QUERY_COST: Final = 25
ENTRY_COST: Final = 10

_FIRST_MADE: Final = 10_000
"""pg_type.oid of the first type that is not built in (FirstGenbkiObjectId): none below has conditions or a length."""
_CUT: Final = frozenset({19, 1003})
"""name and arrays of it: what is longer is cut off."""


class Kind(enum.Enum):
    """How columns reach an output."""

    CLEAN = "clean"
    BARE = "bare"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the result. `pure` is False where anything but a bare column may be in it (DESIGN 3b)."""

    bare: frozenset[Column] = frozenset()
    derived: frozenset[Column] = frozenset()
    pure: bool = False
    whole_row: bool = False
    row: tuple[Column, ...] = ()
    """Of a relation's row as it is: its columns in order, dropped ones left out."""

    @property
    def kind(self) -> Kind:
        """The worst that is true of it, labels apart: derived, else bare, else clean."""
        if self.derived:
            return Kind.DERIVED
        return Kind.BARE if self.bare else Kind.CLEAN


@dataclass(frozen=True, slots=True, order=True)
class TreeUse:
    """A column used as something other than a bare output; `target` and `parameter` as in model.ColumnUse.

    Column number 0 is a use of the whole row. `place` tells equal uses in different places of the tree apart. `total`
    is as there too, but for what literals say: that is the text's to judge.
    """

    column: Column
    use: Use
    where: str
    target: Column | None = None
    parameter: bool = False
    place: int = 0
    view: int = 0
    """The outermost view whose own definition does it, or ROW_SECURITY: its author's doing, not the statement's."""
    through: tuple[int, ...] = ()
    """The views inside that one which it is in as well."""
    total: bool = False
    beside: tuple[Column, ...] = ()
    """In a definition: all columns of the term that it stands in, itself too, in order, and ROWS. Who may write one of
    them chooses what the column is compared with. None where nothing of that shows (`quiet`)."""
    many: bool = False
    """As in model.ColumnUse."""


@dataclass(frozen=True, slots=True)
class TreeInput:
    """A parameter beside a column, as model.Input has it."""

    column: Column
    use: Use
    where: str
    number: int
    many: bool = False
    type_oid: int = 0


@dataclass(frozen=True, slots=True)
class Called:
    """Everything that a tree runs, by OID (pg_proc, pg_operator, pg_type, pg_opfamily, pg_opclass)."""

    functions: frozenset[int] = frozenset()
    """Called by name or by an operator, sampling methods and frame tests too."""
    aggregates: frozenset[int] = frozenset()
    windows: frozenset[int] = frozenset()
    operators: frozenset[int] = frozenset()
    """Written, or implied by ORDER BY, GROUP BY, DISTINCT and set operations."""
    families: frozenset[int] = frozenset()
    classes: frozenset[int] = frozenset()
    casts: frozenset[tuple[int, int]] = frozenset()
    """Through text: the first type's output function and the second's input function run. 0 is an unknown type."""
    domains: frozenset[int] = frozenset()
    """Their constraints run."""
    compared: frozenset[int] = frozenset()
    """Types that GREATEST and LEAST compare by their default order."""
    types: frozenset[int] = frozenset()
    """Of constants and parameters, whose input functions and domain constraints run at Parse and Bind, of what is
    made of JSON and XML, and of what is subscripted."""
    special: frozenset[str] = frozenset()
    """SQLVALUEFUNCTION, XMLEXPR, JSON... nodes, with the number of what they do."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """The whole of what a statement does, as the server has understood it."""

    command: str
    """SELECT, UPDATE, INSERT, DELETE, MERGE; NOTHING where a rule leaves nothing to do."""
    outputs: tuple[Output, ...] = ()
    """By ordinal, what is not sent left out."""
    uses: tuple[TreeUse, ...] = ()
    reads: frozenset[int] = frozenset()
    """Every relation in the tree that is not only written: views too, besides what they stand for."""
    named: frozenset[int] = frozenset()
    """The part of `reads` that the statement itself names: what only a view's definition reads is left out, as the
    right to a view is enough to read it (manual, CREATE VIEW)."""
    writes: frozenset[tuple[int, str]] = frozenset()
    """(relation's OID, command), those of WITH and of rules too."""
    locks: frozenset[int] = frozenset()
    """Relations whose rows FOR UPDATE and its kin lock."""
    sequences: frozenset[int] = frozenset()
    called: Called = Called()
    viewed: tuple[tuple[int, Called], ...] = ()
    """What the definitions of views run, by the OID of the outermost one; it is not in `called`."""
    row_security: Called = Called()
    """What runs in the conditions of row security policies: their authors are trusted, and of their uses only those
    reported that stand beside something."""
    cursors: frozenset[str] = frozenset()
    """Of WHERE CURRENT OF."""
    null_tests: frozenset[Column] = frozenset()
    """Columns under IS [NOT] NULL that decides over rows whose order may show. In a view's definition it is its
    author's doing."""
    parameters: int = 0
    """The highest $n."""
    inputs: tuple[TreeInput, ...] = ()
    elsewhere: frozenset[int] = frozenset()
    """Parameters that stand anywhere but in the places of `inputs`, too."""


@final
class Calls:
    """A `Called` in the making."""

    __slots__ = (
        "aggregates",
        "casts",
        "classes",
        "compared",
        "domains",
        "families",
        "functions",
        "operators",
        "special",
        "types",
        "windows",
    )

    def __init__(self) -> None:
        self.functions: set[int] = set()
        self.aggregates: set[int] = set()
        self.windows: set[int] = set()
        self.operators: set[int] = set()
        self.families: set[int] = set()
        self.classes: set[int] = set()
        self.casts: set[tuple[int, int]] = set()
        self.domains: set[int] = set()
        self.compared: set[int] = set()
        self.types: set[int] = set()
        self.special: set[str] = set()

    def called(self) -> Called:
        zero = {0}
        return Called(
            functions=frozenset(self.functions - zero),
            aggregates=frozenset(self.aggregates),
            windows=frozenset(self.windows),
            operators=frozenset(self.operators - zero),
            families=frozenset(self.families),
            classes=frozenset(self.classes - zero),
            casts=frozenset(self.casts),
            domains=frozenset(self.domains),
            compared=frozenset(self.compared),
            types=frozenset(self.types),
            special=frozenset(self.special),
        )


@final
class Findings:
    """An attestation in the making: one per tree, then dropped."""

    __slots__ = (
        "_places",
        "_term",
        "calls",
        "cursors",
        "inputs",
        "locks",
        "loose",
        "most",
        "named",
        "null_tests",
        "owned",
        "parameters",
        "reads",
        "sequences",
        "steps",
        "taken",
        "through",
        "trusted",
        "trusted_calls",
        "uses",
        "view",
        "viewed",
        "writes",
    )

    def __init__(self) -> None:
        self.uses: dict[TreeUse, None] = {}
        self.reads: set[int] = set()
        self.named: set[int] = set()
        self.writes: set[tuple[int, str]] = set()
        self.locks: set[int] = set()
        self.sequences: set[int] = set()
        self.cursors: set[str] = set()
        self.null_tests: set[Column] = set()
        self.parameters = 0
        self.inputs: dict[TreeInput, None] = {}
        self.loose: dict[tuple[Column, str], None] = {}
        """Columns that something else than a column or a parameter is written to, and where: what, nobody follows."""
        self.taken: set[int] = set()
        """Identities of the PARAMs whose place is known: what is left is elsewhere."""
        self.owned: set[int] = set()
        """Numbers of parameters that have the type of a column that they are written to."""
        self.calls = Calls()
        self.viewed: dict[int, Calls] = {}
        self.trusted_calls = Calls()
        self.trusted = False
        """Whether what is walked now is the condition of a row security policy."""
        self.view = 0
        """The outermost view whose definition is walked now."""
        self.through: tuple[int, ...] = ()
        """And those inside that one."""
        self.steps = 0
        self.most = MAX_STEPS
        self._term: list[TreeUse] | None = None
        """Uses in the term of a definition that is walked now: what stands beside them is known at its end."""
        self._places: dict[int, int] = {}

    def step(self, cost: int = 1) -> None:
        """Count a visit. Raises Unattestable 54001 over `most`."""
        self.steps += cost
        if self.steps > self.most:
            raise Unattestable("the server's tree of this statement is too complex", sqlstate="54001")

    @property
    def running(self) -> Calls:
        """Where what is called now is noted."""
        if self.trusted:
            return self.trusted_calls
        return self.viewed.setdefault(self.view, Calls()) if self.view else self.calls

    def read(self, oid: int) -> None:
        """A relation is read: by the statement itself, or by the definition of a view."""
        self.reads.add(oid)
        if not self.view:
            self.named.add(oid)

    def use(
        self,
        column: Column,
        use: Use,
        where: str,
        target: Column | None = None,
        *,
        parameter: bool = False,
        place: int = 0,
        total: bool = False,
        many: bool = False,
        beside: Iterable[Flow] = (),
    ) -> None:
        """Note one column's use; a system column has none. Outside `opened` terms it says itself what is `beside`."""
        if column[1] < 0:
            return
        view = ROW_SECURITY if self.trusted else self.view
        through = () if self.trusted else self.through
        made = TreeUse(column, use, where, target, parameter, place, view, through, total, many=many)
        if not view:
            self.uses[made] = None
        elif self._term is not None:
            self._term.append(made)
        else:
            self._define([made], beside)

    def use_all(self, flow: Flow, use: Use, where: str, *, total: bool = False, beside: Iterable[Flow] = ()) -> None:
        """The same use of everything that a value carries."""
        flows = (flow, *beside)
        for column in sorted(flow.columns):
            self.use(column, use, where, total=total, beside=flows)

    @property
    def defining(self) -> bool:
        """Whether what is walked now is a definition: of a view, or of a policy."""
        return self.trusted or self.view != 0

    def opened(self) -> list[TreeUse] | None:
        """Begin a term; what `closed` has to be given back."""
        around, self._term = self._term, []
        return around

    def apart(self) -> list[TreeUse] | None:
        """Leave the term for a query inside it, which has terms of its own."""
        around, self._term = self._term, None
        return around

    def back(self, around: list[TreeUse] | None) -> None:
        """Go on with the term that was left."""
        self._term = around

    def closed(self, around: list[TreeUse] | None, term: Flow, *, quiet: bool) -> None:
        """End a term of which this is everything. One that is `quiet` shows nothing where it only computes."""
        uses, self._term = self._term or [], around
        self._define([use for use in uses if not quiet or use.use is not Use.EXPRESSION], (term,))
        self._define([use for use in uses if quiet and use.use is Use.EXPRESSION], ())

    def _define(self, uses: Iterable[TreeUse], flows: Iterable[Flow]) -> None:
        """Note uses of a definition, and what stands beside them all."""
        columns = {column for flow in flows for column in flow.columns}
        if any(flow.counted for flow in flows):
            columns.add(ROWS)
        beside = tuple(sorted(columns))
        for use in uses:
            if not self.trusted or columns - {use.column}:
                self.uses[replace(use, beside=beside)] = None

    def null_test(self, flow: Flow) -> None:
        """Columns under IS [NOT] NULL where the order of the rows that it leaves may show."""
        if not self.trusted and not self.view:
            self.null_tests |= {column for column in flow.columns if column[1] > 0}

    def input(self, column: Column, use: Use, where: str, param: Node, *, many: bool = False) -> None:
        """A parameter beside a column. It counts as elsewhere until `take` says that this is all there is to it."""
        found, type_oid = number(param.fields["paramid"]), number(param.fields["paramtype"])
        self.inputs[TreeInput(column, use, where, found, many, type_oid)] = None

    def take(self, param: Node, *, own: bool = False) -> None:
        """The value of a parameter goes nowhere from this place but to its inputs.

        It goes through its type too: the conditions of a domain, or its length, would tell what it is, and a client
        may declare it so. Only built-in types take every value as it is, and (`own`) the written column's own.
        """
        if own:
            self.owned.add(number(param.fields["paramid"]))
        type_oid = number(param.fields["paramtype"])
        if own or (type_oid < _FIRST_MADE and type_oid not in _CUT):
            self.taken.add(id(param))

    def place(self, term: object) -> int:
        """A number for one place of the tree: the same whenever it is walked again."""
        return self._places.setdefault(id(term), len(self._places) + 1)
