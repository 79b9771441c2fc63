"""Reads from the server what runs without being called (`sql/support`), every name written out as in `proxy/catalog`.

12000 in the queries is `routines.FIRST_UNPINNED`: what is below is the server itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from pgmaskproxy.sql.attest.constraint import called_by
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.catalog import Operator
from pgmaskproxy.sql.routines import FIRST_NORMAL, FIRST_UNPINNED, OPERATORS, VERSIONS
from pgmaskproxy.sql.support import ClassSupport, Support, SystemFunction, TypeSupport, settle

_TYPES: Final = """
SELECT t.oid::pg_catalog.int8, pg_catalog.concat(n.nspname, '.', t.typname),
       ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typsubscript, r.rngcanonical,
             r.rngsubdiff]::pg_catalog.oid[]::pg_catalog.int8[],
       ARRAY(SELECT p.amproc::pg_catalog.oid::pg_catalog.int8
               FROM pg_catalog.pg_opclass c
               JOIN pg_catalog.pg_amproc p ON p.amprocfamily OPERATOR(pg_catalog.=) c.opcfamily
                                          AND p.amproclefttype OPERATOR(pg_catalog.=) c.opcintype
                                          AND p.amprocrighttype OPERATOR(pg_catalog.=) c.opcintype
              WHERE c.oid OPERATOR(pg_catalog.=) r.rngsubopc),
       t.typtype OPERATOR(pg_catalog.=) 'b'::pg_catalog."char" AND t.typsubscript::pg_catalog.oid
           OPERATOR(pg_catalog.<>) 'pg_catalog.array_subscript_handler'::pg_catalog.regproc::pg_catalog.oid,
       ARRAY(SELECT p.amproc::pg_catalog.oid::pg_catalog.int8
               FROM pg_catalog.pg_opclass c
               JOIN pg_catalog.pg_amproc p ON p.amprocfamily OPERATOR(pg_catalog.=) c.opcfamily
                                          AND p.amproclefttype OPERATOR(pg_catalog.=) c.opcintype
                                          AND p.amprocrighttype OPERATOR(pg_catalog.=) c.opcintype
               JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) c.opcmethod
              WHERE c.opcintype OPERATOR(pg_catalog.=) t.oid AND c.opcdefault
                AND m.amname OPERATOR(pg_catalog.=) 'btree'::pg_catalog.name),
       ARRAY[t.typelem, t.typbasetype, r.rngsubtype, m.rngtypid]::pg_catalog.int8[] OPERATOR(pg_catalog.||)
           ARRAY(SELECT a.atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute a
                  WHERE t.typrelid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
                    AND a.attrelid OPERATOR(pg_catalog.=) t.typrelid AND NOT a.attisdropped
                    AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2
                    AND a.atttypid OPERATOR(pg_catalog.>=) 12000::pg_catalog.oid),
       ARRAY(SELECT k.conbin::pg_catalog.text FROM pg_catalog.pg_constraint k
              WHERE k.contypid OPERATOR(pg_catalog.=) t.oid AND k.conbin IS NOT NULL)
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
  LEFT JOIN pg_catalog.pg_range r ON r.rngtypid OPERATOR(pg_catalog.=) t.oid
  LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid OPERATOR(pg_catalog.=) t.oid
 WHERE t.oid OPERATOR(pg_catalog.>=) 12000::pg_catalog.oid
 ORDER BY t.oid
"""

_CLASSES: Final = """
SELECT c.oid::pg_catalog.int8, pg_catalog.concat(n.nspname, '.', c.opcname),
       ARRAY(SELECT p.amproc::pg_catalog.oid::pg_catalog.int8 FROM pg_catalog.pg_amproc p
              WHERE p.amprocfamily OPERATOR(pg_catalog.=) c.opcfamily
                AND (p.amproclefttype OPERATOR(pg_catalog.=) c.opcintype
                     OR p.amprocrighttype OPERATOR(pg_catalog.=) c.opcintype))
  FROM pg_catalog.pg_opclass c
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.opcnamespace
 WHERE c.oid OPERATOR(pg_catalog.>=) 12000::pg_catalog.oid
 ORDER BY c.oid
"""

_FAMILIES: Final = """
SELECT f.oid::pg_catalog.int8, pg_catalog.concat(n.nspname, '.', f.opfname),
       ARRAY(SELECT p.amproc::pg_catalog.oid::pg_catalog.int8 FROM pg_catalog.pg_amproc p
              WHERE p.amprocfamily OPERATOR(pg_catalog.=) f.oid)
  FROM pg_catalog.pg_opfamily f
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) f.opfnamespace
 WHERE f.oid OPERATOR(pg_catalog.>=) 12000::pg_catalog.oid
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_amproc p
                WHERE p.amprocfamily OPERATOR(pg_catalog.=) f.oid
                  AND p.amproc::pg_catalog.oid OPERATOR(pg_catalog.>=) 12000::pg_catalog.oid)
 ORDER BY f.oid
"""

_CASTS: Final = """
SELECT c.castsource::pg_catalog.int8, c.castfunc::pg_catalog.int8 FROM pg_catalog.pg_cast c
 WHERE c.castfunc OPERATOR(pg_catalog.>=) 12000::pg_catalog.oid
   AND c.castcontext OPERATOR(pg_catalog.<>) 'e'::pg_catalog."char"
 ORDER BY c.oid
"""

_SYSTEM: Final = """
SELECT p.oid::pg_catalog.int8,
       pg_catalog.concat(n.nspname, '.', p.proname, '(', pg_catalog.oidvectortypes(p.proargtypes), ')')
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
 WHERE p.oid OPERATOR(pg_catalog.>=) {first}::pg_catalog.oid
   AND p.oid OPERATOR(pg_catalog.<) {last}::pg_catalog.oid
 ORDER BY p.oid
"""


async def read_support(
    rows: Callable[[str], Awaitable[list[tuple[Any, ...]]]], major: int, operators: tuple[Operator, ...]
) -> Support:
    """The database's Support; `rows` runs a query, `operators` are those outside the system's schemas."""
    functions = {oid: function for oid, (_, function) in OPERATORS.items()}
    functions.update({operator.oid: operator.function for operator in operators})
    types = []
    for oid, name, own, bounds, ordered, comparison, parts, checks in await rows(_TYPES):
        runs = {found for found in (*own, *bounds) if found}
        made_of = {part for part in parts if part is not None and part >= FIRST_UNPINNED}
        for check in checks:
            ran, types_of_it = _constraint(check, major, functions)
            runs |= ran
            made_of |= types_of_it
        # A type without an order of its own is compared as something else, and nobody says as what.
        order = comparison or ([0] if ordered else [])
        types.append(TypeSupport(oid, name, tuple(sorted(runs)), tuple(order), tuple(sorted(made_of - {oid}))))
    special, plain = settle(tuple(types), major)
    first = FIRST_UNPINNED if major in VERSIONS else 1
    system = await rows(_SYSTEM.format(first=first, last=FIRST_NORMAL))
    return Support(
        types=special,
        plain=plain,
        classes=tuple(ClassSupport(oid, name, tuple(ran)) for oid, name, ran in await rows(_CLASSES)),
        families=tuple(ClassSupport(oid, name, tuple(ran)) for oid, name, ran in await rows(_FAMILIES)),
        system=tuple(SystemFunction(oid, signature) for oid, signature in system),
        casts=tuple((source, function) for source, function in await rows(_CASTS)),
    )


def _constraint(expression: str, major: int, operators: dict[int, int]) -> tuple[set[int], set[int]]:
    """The functions that a domain's constraint runs, 0 for one that cannot be told, and types it makes values of."""
    try:
        called = called_by(expression, major)
    except Unattestable:
        return {0}, set()
    functions = set(called.functions | called.aggregates | called.windows)
    functions.update(operators.get(oid, 0) for oid in called.operators)
    types = {oid for cast in called.casts for oid in cast} | called.domains | called.types
    others = called.compared | called.classes | called.families
    if 0 in types or any(oid >= FIRST_UNPINNED for oid in others):
        functions.add(0)
    return functions, {oid for oid in types if oid >= FIRST_UNPINNED}
