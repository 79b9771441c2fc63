"""What ships with PostgreSQL, by name: its functions and what they do, its types, its operators.

The names come from the catalogs of real servers (`tests/sql/regenerate_builtins.py`) and are the union of the
supported major versions. A safe function computes its result from its arguments and from what any session may
know; it reads no table, file or other session, runs no SQL and changes nothing. Volatility is no gate:
`database_to_xml` is STABLE (THREATS, "Functions").

Names outside pg_catalog are the Catalog's affair: a function there is a ROUTINE, whoever made it, unless it is trusted.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from pgmaskproxy.model import Effect
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, TypeName
from pgmaskproxy.sql.safety import is_safe, unsafe_of_type


class Verdict(enum.Enum):
    """Where a name leads."""

    BUILTIN = "builtin"
    USER = "user"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A function's name as far as the text and the Catalog tell. `effect` is None for a safe one."""

    name: str
    """`schema.name`, or the bare name when it is nowhere."""
    verdict: Verdict
    effect: Effect | None


_DATA: Final[Mapping[str, Any]] = MappingProxyType(
    json.loads(files("pgmaskproxy.sql").joinpath("data", "builtins.json").read_text(encoding="utf-8"))
)

EFFECTS: Final[Mapping[str, Effect | None]] = MappingProxyType(
    {name: None if kind == "safe" else Effect(kind) for kind, names in _DATA["functions"].items() for name in names}
)
"""Every function of pg_catalog by name; None is safe."""

AGGREGATES: Final = frozenset(_DATA["aggregates"])
"""Names of aggregate and window functions of pg_catalog."""

OUT_COLUMNS: Final[Mapping[str, tuple[str, ...] | None]] = MappingProxyType(
    {name: None if columns is None else tuple(columns) for name, columns in _DATA["columns"].items()}
)
"""Names of the columns in FROM, None when overloads differ. A safe function not here has one, named after it."""

TYPES: Final = frozenset(_DATA["types"])
"""Names of pg_catalog's types, without arrays and row types."""

OPERATORS: Final[Mapping[str, frozenset[tuple[int, int]]]] = MappingProxyType(
    {name: frozenset((left, right) for left, right in pairs) for name, pairs in _DATA["operators"].items()}
)
"""Operators of pg_catalog by name: (left type, right type), 0 for no operand."""

SAMPLE_METHODS: Final = frozenset(_DATA["sample_methods"])
"""What may stand after TABLESAMPLE."""

_INFORMATION_SCHEMA: Final = frozenset(
    {
        "_pg_char_max_length",
        "_pg_char_octet_length",
        "_pg_datetime_precision",
        "_pg_expandarray",
        "_pg_index_position",
        "_pg_interval_type",
        "_pg_numeric_precision",
        "_pg_numeric_precision_radix",
        "_pg_numeric_scale",
        "_pg_truetypid",
        "_pg_truetypmod",
    }
)


def resolve_function(catalog: Catalog, schema: str | None, name: str) -> Resolved:
    """What a call of `schema.name` or `name` may reach.

    Overloads are not told apart: a name that any schema but the system's has too is a ROUTINE, since
    which of them is meant depends on argument types that the text does not give. Where all of those are trusted,
    it is what the system's own is, or safe.
    """
    if schema == "information_schema" and name in _INFORMATION_SCHEMA:
        return Resolved(f"{schema}.{name}", Verdict.BUILTIN, None)
    others = [
        function for function in catalog.functions_by_name.get(name, ()) if schema is None or function.schema == schema
    ]
    in_system = schema is None or schema == "pg_catalog"
    if others:
        trusted = all(function.oid in catalog.trusted for function in others)
        own = EFFECTS.get(name) if in_system else None
        return Resolved(f"{others[0].schema}.{name}", Verdict.USER, own if trusted else Effect.ROUTINE)
    if not in_system:
        return Resolved(f"{schema}.{name}", Verdict.USER, Effect.ROUTINE)
    if name in EFFECTS:
        return Resolved(f"pg_catalog.{name}", Verdict.BUILTIN, EFFECTS[name])
    return Resolved(name, Verdict.MISSING, Effect.UNKNOWN)


def type_effect(catalog: Catalog, names: tuple[str, ...]) -> Effect | None:
    """What a cast to a type may run: None for the system's types, and for those that run nothing but the system's
    own functions or trusted ones; ROUTINE for others."""
    schema, name = (names[-2], names[-1]) if len(names) > 1 else (None, names[-1] if names else "")
    candidates = [
        candidate for candidate in catalog.types_by_name.get(name, ()) if schema is None or candidate.schema == schema
    ]
    if any(not _is_safe_type(catalog, candidate) for candidate in candidates):
        return Effect.ROUTINE
    if candidates:
        return None
    if (schema is None or schema == "pg_catalog") and name.removeprefix("_") in TYPES:
        return None
    if schema in SYSTEM_SCHEMAS or (schema is None and ("pg_catalog", name) in catalog.by_name):
        return None
    return Effect.ROUTINE


def _is_safe_type(catalog: Catalog, candidate: TypeName) -> bool:
    unsafe = unsafe_of_type(catalog, candidate.oid)
    if unsafe is not None:
        return not unsafe
    # A snapshot that does not say what is behind its types.
    return candidate.kind in {"e", "c"} or (candidate.kind == "d" and not candidate.checked)


def operator_effect(
    catalog: Catalog, schema: str | None, name: str, left: int | None, right: int | None
) -> Effect | None:
    """What an operator may run: None when it is certainly one of pg_catalog's, or runs what is trusted.

    `left` and `right` are type OIDs, 0 for an untyped literal or parameter, None when unknown. Where another
    schema has an operator of that name too, pg_catalog's is certain only when it has the exact pair of types:
    such a pair wins for sure while pg_catalog comes first (manual 10.2).
    """
    others = [other for other in catalog.operators_by_name.get(name, ()) if schema is None or other.schema == schema]
    untrusted = [other for other in others if not is_safe(catalog, other.function)]
    if schema is not None and schema != "pg_catalog":
        return None if others and not untrusted else Effect.ROUTINE
    pairs = OPERATORS.get(name)
    if pairs is None:
        return None if others and not untrusted else Effect.ROUTINE
    if not untrusted:
        return None
    if left is None or right is None or (left == 0 and right == 0):
        return Effect.ROUTINE
    pair = (left or right, right or left)
    if any((other.left, other.right) == pair for other in untrusted):
        return Effect.ROUTINE
    return None if pair in pairs else Effect.ROUTINE
