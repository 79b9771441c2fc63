"""What running a function, an operator or a type's own code may do, in one database.

What ships with PostgreSQL has its class (`sql/routines`); what the operator vouches for passes (`Catalog.trusted`);
everything else outside the system's schemas is a ROUTINE, and what nobody knows is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.routines import BEHIND, FIRST_NORMAL, FIRST_UNPINNED, SAFE, Entry, builtin, builtin_said


def shipped(catalog: Catalog, oid: int) -> Entry | None:
    """Signature and class of a function that ships with PostgreSQL; None where it is none, or not known for certain."""
    if not 0 < oid < FIRST_NORMAL:
        return None
    found = builtin(oid, catalog.version // 10_000) if oid < FIRST_UNPINNED else None
    if found is not None:
        return found
    signature = catalog.support.signatures.get(oid, "")
    kind = builtin_said(oid, signature)
    return (signature, kind) if kind is not None else None


def is_safe(catalog: Catalog, oid: int) -> bool:
    """Whether a function brings no effect when a statement calls it."""
    found = shipped(catalog, oid)
    return oid in catalog.trusted or (found is not None and found[1] in SAFE)


def unsafe_behind(catalog: Catalog, functions: Iterable[int]) -> frozenset[int]:
    """Those of a type's or an operator class's functions that may do more than their work."""
    return frozenset(
        oid
        for oid in functions
        if oid not in catalog.trusted and ((found := shipped(catalog, oid)) is None or found[1] not in BEHIND)
    )


def unsafe_of_type(catalog: Catalog, oid: int) -> frozenset[int] | None:
    """What runs when a value of a type is made and may do more than that; None where the type is not known."""
    made_of = catalog.support.made_of(oid)
    if made_of is None:
        return None
    return unsafe_behind(catalog, (function for part in made_of for function in part.functions))


def unsafe_of_order(catalog: Catalog, oid: int) -> frozenset[int] | None:
    """What runs when two values of a type are compared and may do more than that; None where the type is not known."""
    made_of = catalog.support.made_of(oid)
    if made_of is None:
        return None
    return unsafe_behind(catalog, (function for part in made_of for function in part.comparison))


def silent_casts_are_safe(catalog: Catalog, sources: frozenset[int] | None = None) -> bool:
    """Whether the casts that a text does not show run nothing but their work: from types of these OIDs, or from any."""
    casts = catalog.support.casts
    return not unsafe_behind(catalog, (function for source, function in casts if sources is None or source in sources))


def every_type_is_safe(catalog: Catalog) -> bool:
    """Whether making a value of any type at all runs nothing but its work."""
    return not unsafe_behind(catalog, (function for part in catalog.support.types for function in part.functions))
