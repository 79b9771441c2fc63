"""Reads what types outside PostgreSQL's own are made of: masks have to know, for both formats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from pgmaskproxy.model import DataType, TypeKind

_TYPES: Final = """
SELECT t.oid::pg_catalog.int8, t.typtype::pg_catalog.text, COALESCE(e.oid, t.typbasetype)::pg_catalog.int8,
       t.typtypmod::pg_catalog.int4, e.oid IS NOT NULL,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p
         WHERE p.oid OPERATOR(pg_catalog.=) ANY (
                   ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend]::pg_catalog.oid[])
           AND p.prolang OPERATOR(pg_catalog.=) 12::pg_catalog.oid
           AND p.prosrc OPERATOR(pg_catalog.=) ANY (ARRAY['textin', 'textout', 'textrecv', 'textsend'])),
       (SELECT v.enumlabel::pg_catalog.text FROM pg_catalog.pg_enum v
         WHERE v.enumtypid OPERATOR(pg_catalog.=) t.oid ORDER BY v.enumsortorder LIMIT 1),
       ARRAY(SELECT a.atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute a
              WHERE a.attrelid OPERATOR(pg_catalog.=) t.typrelid
                AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT a.atttypmod FROM pg_catalog.pg_attribute a
              WHERE a.attrelid OPERATOR(pg_catalog.=) t.typrelid
                AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped ORDER BY a.attnum)
  FROM pg_catalog.pg_type t
  LEFT JOIN pg_catalog.pg_type e ON e.typarray OPERATOR(pg_catalog.=) t.oid
 WHERE t.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
 ORDER BY t.oid
"""
"""12 is the language `internal`: pg_language.dat. A type that reads and writes with text's own functions is a text."""

_TEXT_FUNCTIONS: Final = 4
_KINDS: Final = {"e": TypeKind.ENUM, "d": TypeKind.DOMAIN, "c": TypeKind.COMPOSITE}


async def read_types(rows: Callable[[str], Awaitable[list[tuple[Any, ...]]]]) -> tuple[tuple[int, DataType], ...]:
    """Every type that masks can know, with its OID, in order. `rows` runs a query of the catalog's. Raises
    psycopg.Error."""
    found: list[tuple[int, DataType]] = []
    for oid, kind, of, modifier, is_array, textual, first, types, modifiers in await rows(_TYPES):
        if is_array:
            found.append((oid, DataType(TypeKind.ARRAY, of)))
        elif kind in _KINDS:
            fields = tuple(zip(types, modifiers, strict=True))
            found.append((oid, DataType(_KINDS[kind], of, modifier, first or "", fields)))
        elif textual == _TEXT_FUNCTIONS:
            found.append((oid, DataType(TypeKind.TEXT)))
    return tuple(found)
