"""The nouns that every package shares: frozen, slotted, standard library only.

A client's text becomes a `Statement`; reading it gives an `Analysis`; policy turns that into a
`Decision`; both together are the `Ruling` a session acts on. Nothing here holds a value out of a
row: what a `Parameter` carries is what the client itself sent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pgmaskproxy.model_masks import NULL_MASK, ROW, Mask, MaskParam
from pgmaskproxy.model_parts import COPY_FROM, CopyLayout, CopyShape, NameUse, NameVerb, Setting, TransactionVerb

__all__ = [
    "COPY_FROM",
    "NULL_MASK",
    "ROW",
    "CopyLayout",
    "CopyShape",
    "Mask",
    "MaskParam",
    "NameUse",
    "NameVerb",
    "Setting",
    "TransactionVerb",
]


class PrincipalKind(enum.StrEnum):
    """Who is behind a login."""

    AGENT = "agent"
    HUMAN = "human"
    SERVICE = "service"


class Effect(enum.StrEnum):
    """What a statement does to the world. A statement has a *set* of them."""

    READ = "READ"
    WRITE = "WRITE"
    EXPORT = "EXPORT"
    DDL = "DDL"
    PRIVILEGE = "PRIVILEGE"
    ADMIN = "ADMIN"
    SESSION = "SESSION"
    TRANSACTION = "TRANSACTION"
    ROUTINE = "ROUTINE"
    UNKNOWN = "UNKNOWN"


class Use(enum.StrEnum):
    """A use of a column other than as a bare output (THREATS R2 to R4)."""

    EXPRESSION = "expression"
    PREDICATE = "predicate"
    ORDERING = "ordering"
    WRITE = "write"
    JOIN = "join"
    NULL_TEST = "null_test"
    COUNT = "count"
    EQUALITY = "equality"
    WRITTEN = "written"
    """The column is the *target* of a write (INSERT, UPDATE SET, COPY FROM)."""


class Outcome(enum.StrEnum):
    """What policy says of a statement; `DENY` beats `HOLD` beats `ALLOW`."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `owner` is the person who answers for an agent, and never approves for it."""

    name: str
    kind: PrincipalKind
    groups: frozenset[str] = frozenset()
    owner: str | None = None
    person: str | None = None
    """The person whose database identity this login is, if any."""
    authenticated_by: str = "scram-sha-256"
    address: str = ""


class RelationRef(NamedTuple):
    """A relation by its catalog name; `schema` is '' where the text's name did not resolve.

    A tuple, as a column is: they are looked up and sorted more than anything else.
    """

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class ColumnRef(NamedTuple):
    """A column by its catalog name."""

    schema: str
    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}.{self.column}" if self.schema else f"{self.table}.{self.column}"

    @property
    def relation(self) -> RelationRef:
        return RelationRef(self.schema, self.table)


@dataclass(frozen=True, slots=True)
class ColumnLabels:
    """The labels of one column. `derived`: some value in it is *computed* from a labelled one (a view's
    `left(ssn, 4)`, a generated column), so that a mask made for the value itself does not fit."""

    labels: frozenset[str]
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """An output that is one of these columns, bare: no expression in between.

    `pure` is False where another arm of a set operation feeds the same output with something
    that is not a bare column, so that a keyed mask would be a code book (DESIGN 3b).
    """

    columns: frozenset[ColumnRef]
    pure: bool = True
    whole: bool = False
    """It is a row as a whole, or may be one; by the server's word."""
    row: tuple[ColumnRef, ...] = ()
    """Where it is one relation's row and nothing else: its columns in order."""


@dataclass(frozen=True, slots=True)
class Constant:
    """An output that no column flows into, bare or otherwise, except clean ones."""

    columns: frozenset[ColumnRef] = frozenset()
    """The columns that an expression output is computed from."""
    bare: frozenset[ColumnRef] = frozenset()
    """Those among them that may come out as they are, beside what is computed from others."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """An output whose origin could not be proven; never shown."""

    reason: str


ColumnOrigin: TypeAlias = Columns | Constant | Opaque


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column used as something other than a bare output; `where` is for people ("WHERE", "ORDER BY")."""

    column: ColumnRef
    use: Use
    where: str
    target: ColumnRef | None = None
    """For `Use.WRITE`: the column that the value is written to."""
    parameter: bool = False
    """For `Use.EQUALITY`: compared with a parameter (else with a literal)."""
    total: bool = False
    """For `Use.EXPRESSION`: a whole output made of it, other bare columns and literals by total functions alone, so
    that computing it can neither fail nor show anything by itself (THREATS R2)."""
    many: bool = False
    """For `Use.EQUALITY`: compared with several parameters, or with an array of them (IN, = ANY)."""


@dataclass(frozen=True, slots=True)
class Input:
    """A value that the client gives, and the column that it meets, as it is: compared with it or written to it."""

    column: ColumnRef
    use: Use
    """`Use.EQUALITY` or `Use.WRITTEN`."""
    where: str
    number: int = 0
    """Of the parameter; 0 for a literal."""
    literal: str = ""
    many: bool = False
    """The parameter is an array of such values."""
    type_oid: int = 0
    """The parameter's, where the server has said it."""


@dataclass(frozen=True, slots=True)
class InputRule:
    """What a session does with one `Input` beside a column that is masked."""

    input: Input
    labels: tuple[str, ...]
    masks: tuple[Mask, ...]
    """What the column, or any of its labels, could have shown: no value to be written there."""
    token: Mask | None = None
    """Its tokens stand for their values here; None where they may not."""
    tokens_only: bool = False
    rule: RuleRef | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a statement's text says, before any server has seen it. Unknown is said, never guessed."""

    kind: str
    """The node type in PostgreSQL's grammar, e.g. `SelectStmt`; '' for an empty statement."""
    effects: frozenset[Effect]
    reads: frozenset[RelationRef] = frozenset()
    writes: frozenset[RelationRef] = frozenset()
    outputs: tuple[ColumnOrigin, ...] | None = ()
    """By ordinal; None when even their number is unknown (SHOW, CALL, FETCH...)."""
    uses: tuple[ColumnUse, ...] = ()
    functions: frozenset[str] = frozenset()
    """Every function named or implied, `schema.name` where known."""
    canonical: str = ""
    """PostgreSQL's own deparse of the statement, where somebody reads it (`explain`)."""
    redacted: str = ""
    """The text with every literal replaced by a placeholder and comments removed: fit for a log."""
    inner: str | None = None
    """The query inside a utility statement (DECLARE, EXPLAIN, PREPARE, COPY, CREATE TABLE AS)."""
    names: NameUse | None = None
    copy: CopyShape | None = None
    settings: tuple[Setting, ...] = ()
    transaction: TransactionVerb | None = None
    channel: str | None = None
    """Of LISTEN and NOTIFY, as the server will call it."""
    without_where: bool = False
    parameters: int = 0
    first_parameter: tuple[int, int] = (1, 0)
    """Its number, and the character it begins at, from 1; 0 where that is not known."""
    opaque: str = ""
    """Why the lineage gave up, if it did; every output is then Opaque."""
    moves_names: bool = False
    """Running this may change what a name means: SET, DDL, a routine, DISCARD, transaction control."""
    inputs: tuple[Input, ...] = ()
    elsewhere: frozenset[int] = frozenset()
    """Parameters that stand in some other place as well: where what they hold could come out again."""
    made: frozenset[ColumnRef] = frozenset()
    """Columns of rows that the statement writes which it may have given values without naming them: generated ones,
    and all where triggers run."""
    called_effects: frozenset[Effect] = frozenset()
    """The part of `effects` that only functions, operators and casts account for, as the text names them. The
    server's tree, which names them by OID, replaces it."""


@dataclass(frozen=True, slots=True)
class RuleRef:
    """Where in the policy files a decision comes from."""

    id: str
    file: str = ""
    line: int = 0


Fact: TypeAlias = "str | int | float | tuple[str, ...]"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error the proxy itself answers with; becomes an ErrorResponse. SQLSTATEs as CONVENTIONS lists."""

    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""
    position: int = 0
    """1-based, in characters of the statement's own text; 0 for none."""
    rule: RuleRef | None = None
    schema: str = ""
    table: str = ""
    column: str = ""
    facts: tuple[tuple[str, Fact], ...] = ()
    """What an agent can parse: the JSON object in DETAIL's last line. The first is `why`, a stable word."""
    unproven: bool = False
    """It says only that something could not be proven: where the server itself finds an error in the
    statement (a column that does not exist), that error is the better answer."""


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """Who must agree, and by when. Several holds add up: every term must be met."""

    rule: RuleRef
    groups: tuple[str, ...]
    quorum: int = 1
    deadline: float = 900.0
    """Seconds the statement may be held outside a transaction."""
    in_transaction: float = 30.0
    """Seconds it may be held while a transaction block is open."""
    reason_required: bool = False
    card: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """One use of a label that a budget counts, per principal: at most `limit` of them in `seconds`."""

    label: str
    use: Use
    limit: int
    seconds: float
    column: ColumnRef
    rule: RuleRef | None = None
    """Where the policy says so."""


@dataclass(frozen=True, slots=True)
class UnmaskedOutput:
    """One output that a person may agree to show as it is."""

    ordinal: int
    """From 0."""
    column: ColumnRef
    oid: int = 0
    number: int = 0
    """The column as the server names it, by relation and number; 0 where the catalog does not have it."""


@dataclass(frozen=True, slots=True)
class Unmask:
    """What a statement asks to be shown as it is: these columns, in its first `rows` rows, once (docs/unmasking)."""

    outputs: tuple[UnmaskedOutput, ...]
    rows: int

    @property
    def columns(self) -> tuple[ColumnRef, ...]:
        """Each once, sorted."""
        return tuple(sorted({each.column for each in self.outputs}))


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy says of one statement for one principal."""

    outcome: Outcome
    rules: tuple[RuleRef, ...] = ()
    reason: str = ""
    refusal: Refusal | None = None
    """Set exactly when `outcome` is DENY."""
    masks: tuple[Mask | None, ...] | None = ()
    """By output ordinal as the text says, None inside being clear. None for all where the text has no outputs of
    its own (SHOW, EXPLAIN): then by the server's word alone."""
    cleared: tuple[ColumnRef, ...] = ()
    """Labelled columns this principal is cleared for and this statement shows."""
    labels: tuple[str, ...] = ()
    """Labels the statement touches."""
    terms: tuple[ApprovalTerms, ...] = ()
    scrub: bool = True
    """Rebuild errors and drop notices: the statement touches a relation with labelled columns."""
    policy_version: str = ""
    charges: tuple[Charge, ...] = ()
    """What running it costs of the principal's budgets; over one of them it does not run."""
    inputs: tuple[InputRule, ...] = ()
    transparent: bool = False
    """The policy labels nothing and says that everything passes as it is: nothing is looked up for its sake."""
    unmask: Unmask | None = None
    """For HOLD: what whoever agrees agrees to show. `masks` are those of everybody else, and of every other row."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a session asks to be judged."""

    sql: str
    database: str
    role: str
    search_path: tuple[str, ...]
    """Effective, in order, pg_catalog included: what current_schemas(true) says."""
    extended: bool = False
    """From Parse: exactly one statement is allowed."""
    unmask: str = ""
    """`pgmaskproxy.unmask`: the columns that the client asks to see as they are; '' for none."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """One statement, read and decided. `sql` is the slice of the client's text it was read from."""

    sql: str
    offset: int
    """Of `sql` in the client's text, in characters."""
    analysis: Analysis
    decision: Decision
    epoch: int
    """Of policy and catalog together; a later epoch means: judge again."""
    search_path: tuple[str, ...] = ()
    runs: str = ""
    """For EXECUTE and FETCH: the text of what the name stands for. What is approved is both."""
    attested: str = ""
    """SHA-256, in hex, of the server's own trees that `analysis` rests on; '' when it is the text's word alone."""
    unmask: str = ""
    """`Statement.unmask` as it was when this was judged."""
    general: bool = False
    """Other constants of the same kinds in the text would have made no difference (`sql/skeleton`)."""


class TypeKind(enum.StrEnum):
    """What the values of a type outside PostgreSQL's own are made of."""

    TEXT = "text"
    """Its binary format is its text (citext)."""
    ENUM = "enum"
    DOMAIN = "domain"
    ARRAY = "array"
    COMPOSITE = "composite"


@dataclass(frozen=True, slots=True)
class DataType:
    """A type that did not come with PostgreSQL, as far as masks need to know it. Types are OIDs with a modifier."""

    kind: TypeKind
    of: int = 0
    """What a domain is over; what an array's elements are."""
    modifier: int = -1
    """A domain's own type modifier (pg_type.typtypmod)."""
    first: str = ""
    """An enum's first value."""
    fields: tuple[tuple[int, int], ...] = ()
    """A composite type's, in order, dropped ones left out: type and modifier."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """What the server's own column references mean for one principal, over the whole catalog.

    `known` are the OIDs of every relation the catalog has; `masks` is keyed by (OID, column
    number), column number 0 standing for a whole row. A relation not in `known` is masked.
    """

    known: frozenset[int]
    masks: Mapping[tuple[int, int], Mask]
    epoch: int = 0
    transparent: bool = False
    """Nothing is masked, known or not: the policy is transparent, and there is no label."""
    types: Mapping[int, DataType] = field(default_factory=dict, repr=False)
    """By OID. A type that is neither here nor PostgreSQL's own is one that nobody knows."""


@dataclass(frozen=True, slots=True)
class Quotable:
    """Which labels' values the server's own text (errors, notices) could quote when a relation is touched.

    By relation, for a statement that reads it and for one that writes it, with everything that is reached from there:
    views, children, cascades. None is any label at all: functions of somebody's own run. So is a relation left out.
    """

    reading: Mapping[RelationRef, frozenset[str] | None]
    writing: Mapping[RelationRef, frozenset[str] | None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A bound parameter, decoded for people and for the digest an approval is bound to."""

    number: int
    type_oid: int
    text: str | None
    """None is SQL NULL."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that happened, and to whom. Never a value out of a row, a literal or a parameter."""

    kind: str
    """`session.opened`, `statement.decided`, `approval.requested`... (see audit/events)."""
    session: str = ""
    statement: str = ""
    request: str = ""
    principal: str = ""
    data: Mapping[str, JsonValue] = field(default_factory=dict)


JsonValue: TypeAlias = "bool | int | str | list[JsonValue] | dict[str, JsonValue] | None"
