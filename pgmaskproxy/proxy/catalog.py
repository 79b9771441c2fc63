"""Reads a `Catalog` from the server, on a connection of the proxy's own.

Everything is written out in full (`pg_catalog.` before every name, `OPERATOR(pg_catalog.=)` for every operator) under
an empty search_path: a client can make a table `pg_attribute` or an operator `=` that an unqualified query would
find first (THREATS X4, X5). Works on servers 15 to 18.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.proxy.support import read_support
from pgmaskproxy.proxy.types import read_types
from pgmaskproxy.sql.attest.versions import MAJORS
from pgmaskproxy.sql.catalog import Catalog, Column, ForeignKey, Function, Index, Operator, Relation, TypeName

_RELATIONS: Final = """
SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text,
       pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text,
       CASE WHEN c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v', 'm']::pg_catalog."char"[])
             AND NOT (n.nspname
                      OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
            THEN pg_catalog.pg_get_viewdef(c.oid) ELSE '' END,
       EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t
                WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT t.tgisinternal),
       EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite w
                WHERE w.ev_class OPERATOR(pg_catalog.=) c.oid
                  AND w.rulename OPERATOR(pg_catalog.<>) '_RETURN'::pg_catalog.name),
       CASE WHEN c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v', 'm']::pg_catalog."char"[])
             AND NOT (n.nspname
                      OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
            THEN (SELECT w.ev_action::pg_catalog.text FROM pg_catalog.pg_rewrite w
                   WHERE w.ev_class OPERATOR(pg_catalog.=) c.oid
                     AND w.rulename OPERATOR(pg_catalog.=) '_RETURN'::pg_catalog.name)
            ELSE '' END
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'S', 't', 'c']::pg_catalog."char"[])
 ORDER BY c.oid
"""

_DEFAULTS: Final = """
SELECT DISTINCT a.adrelid::pg_catalog.int8, d.refobjid::pg_catalog.int8
  FROM pg_catalog.pg_attrdef a
  JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) a.oid
   AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid
   AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
 ORDER BY 1, 2
"""

_COLUMNS: Final = """
SELECT a.attrelid::pg_catalog.int8, a.attnum::pg_catalog.int4, a.attname::pg_catalog.text,
       a.atttypid::pg_catalog.int8, a.attgenerated::pg_catalog.text,
       CASE WHEN a.attgenerated OPERATOR(pg_catalog.<>) ''::pg_catalog."char"
             AND NOT (n.nspname
                      OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
            THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) ELSE '' END,
       a.attidentity OPERATOR(pg_catalog.<>) ''::pg_catalog."char"
       OR (d.adbin IS NOT NULL AND a.attgenerated OPERATOR(pg_catalog.=) ''::pg_catalog."char")
       OR EXISTS (SELECT 1 FROM pg_catalog.pg_type t
                   WHERE t.oid OPERATOR(pg_catalog.=) a.atttypid AND t.typdefault IS NOT NULL),
       a.atttypmod
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid
                                   AND d.adnum OPERATOR(pg_catalog.=) a.attnum
 WHERE a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
   AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'S', 't', 'c']::pg_catalog."char"[])
 ORDER BY a.attrelid, a.attnum
"""

_ROW_TYPES: Final = """
WITH RECURSIVE parts (whole, part) AS (
    SELECT t.oid, t.typelem FROM pg_catalog.pg_type t WHERE t.typelem OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
    UNION ALL
    SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t
     WHERE t.typbasetype OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
    UNION ALL
    SELECT r.rngtypid, r.rngsubtype FROM pg_catalog.pg_range r
    UNION ALL
    SELECT r.rngmultitypid, r.rngsubtype FROM pg_catalog.pg_range r
    UNION ALL
    SELECT t.oid, a.atttypid FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.typrelid
     WHERE t.typrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
       AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
), made (type, relation) AS (
    SELECT t.oid, t.typrelid FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.typrelid
     WHERE t.typrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
    UNION
    SELECT p.whole, m.relation FROM made m JOIN parts p ON p.part OPERATOR(pg_catalog.=) m.type
)
SELECT a.attrelid::pg_catalog.int8, a.attnum::pg_catalog.int4, m.relation::pg_catalog.int8
  FROM pg_catalog.pg_attribute a
  JOIN made m ON m.type OPERATOR(pg_catalog.=) a.atttypid
 WHERE a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
 ORDER BY 1, 2, 3
"""

_PARENTS: Final = """
SELECT i.inhrelid::pg_catalog.int8, i.inhparent::pg_catalog.int8
  FROM pg_catalog.pg_inherits i ORDER BY i.inhrelid, i.inhseqno
"""

_FOREIGN_KEYS: Final = """
SELECT k.conrelid::pg_catalog.int8, k.conkey::pg_catalog.int4[], k.confrelid::pg_catalog.int8,
       k.confkey::pg_catalog.int4[],
       k.confdeltype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[])
       OR k.confupdtype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[])
  FROM pg_catalog.pg_constraint k
 WHERE k.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char" ORDER BY k.oid
"""

_INDEXES: Final = """
SELECT i.indrelid::pg_catalog.int8, i.indkey::pg_catalog.text, i.indnkeyatts::pg_catalog.int4,
       i.indpred IS NOT NULL, i.indisunique OR i.indisexclusion,
       COALESCE(pg_catalog.pg_index_has_property(i.indexrelid, 'index_scan'), true),
       ARRAY(SELECT d.refobjsubid FROM pg_catalog.pg_depend d
              WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.objid OPERATOR(pg_catalog.=) i.indexrelid
                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.refobjid OPERATOR(pg_catalog.=) i.indrelid
                AND d.refobjsubid OPERATOR(pg_catalog.>) 0
              ORDER BY d.refobjsubid),
       pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid)
  FROM pg_catalog.pg_index i
 WHERE i.indrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY i.indexrelid
"""
"""A key of 0 is an expression; which columns are in those, and in a predicate, is in pg_depend alone."""

_CHECKS: Final = """
SELECT k.conrelid::pg_catalog.int8, k.conkey::pg_catalog.int4[]
  FROM pg_catalog.pg_constraint k
 WHERE k.contype OPERATOR(pg_catalog.=) 'c'::pg_catalog."char"
   AND k.conrelid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND k.conkey IS NOT NULL
 ORDER BY k.oid
"""

_PARTITIONED: Final = """
SELECT p.partrelid::pg_catalog.int8, p.partattrs::pg_catalog.int2[]::pg_catalog.int4[] OPERATOR(pg_catalog.||)
       ARRAY(SELECT d.objsubid FROM pg_catalog.pg_depend d
              WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.objid OPERATOR(pg_catalog.=) p.partrelid
                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                AND d.refobjid OPERATOR(pg_catalog.=) p.partrelid)
  FROM pg_catalog.pg_partitioned_table p ORDER BY p.partrelid
"""
"""A partition key's columns, and those that its expressions read: they depend on the table, not it on them."""

_RUNNING: Final = """
SELECT DISTINCT o.relation::pg_catalog.int8
  FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, c.oid AS object, c.oid AS relation
          FROM pg_catalog.pg_class c
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, i.indrelid FROM pg_catalog.pg_index i
        UNION ALL
        SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid, d.adrelid FROM pg_catalog.pg_attrdef d
        UNION ALL
        SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, p.polrelid FROM pg_catalog.pg_policy p
        UNION ALL
        SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, k.conrelid FROM pg_catalog.pg_constraint k
        UNION ALL
        SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, a.attrelid
          FROM pg_catalog.pg_constraint k
          JOIN pg_catalog.pg_attribute a ON a.atttypid OPERATOR(pg_catalog.=) k.contypid
         WHERE k.contypid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid) o
  JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) o.class
                             AND d.objid OPERATOR(pg_catalog.=) o.object
 WHERE d.refclassid OPERATOR(pg_catalog.=) ANY (
           ARRAY['pg_catalog.pg_proc', 'pg_catalog.pg_operator']::pg_catalog.regclass[]::pg_catalog.oid[])
 ORDER BY 1
"""
"""What came with the server is pinned and has no row in pg_depend: a function found there is somebody's own."""

_FUNCTIONS: Final = """
SELECT p.oid::pg_catalog.int8, n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
       pg_catalog.oidvectortypes(p.proargtypes), p.prokind::pg_catalog.text, l.lanname::pg_catalog.text,
       p.provolatile::pg_catalog.text, COALESCE(x.extname::pg_catalog.text, ''),
       pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(ROW(
           p.prosrc, p.probin, p.prosqlbody, p.proconfig, p.prosecdef, p.prokind, p.provolatile, p.proisstrict,
           p.proretset, p.proleakproof, l.lanname, pg_catalog.pg_get_userbyid(p.proowner),
           pg_catalog.format_type(p.prorettype, NULL), p.proargmodes, p.proargdefaults, p.prosupport::pg_catalog.text,
           a.aggkind, a.aggfinalextra, a.aggfinalmodify, a.agginitval, a.aggminitval,
           pg_catalog.format_type(a.aggtranstype, NULL), a.aggsortop::pg_catalog.regoperator::pg_catalog.text
       )::pg_catalog.text, 'UTF8')), 'hex'),
       ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
             a.aggminvtransfn, a.aggmfinalfn]::pg_catalog.oid[]::pg_catalog.int8[]
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid::pg_catalog.oid OPERATOR(pg_catalog.=) p.oid
  LEFT JOIN pg_catalog.pg_depend d
         ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
        AND d.objid OPERATOR(pg_catalog.=) p.oid
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid
        AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char"
  LEFT JOIN pg_catalog.pg_extension x ON x.oid OPERATOR(pg_catalog.=) d.refobjid
 WHERE NOT (n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
    OR p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
 ORDER BY p.oid
"""

_TYPES: Final = """
SELECT t.oid::pg_catalog.int8, n.nspname::pg_catalog.text, t.typname::pg_catalog.text, t.typtype::pg_catalog.text,
       t.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog."char"
       AND (t.typbasetype OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.contypid OPERATOR(pg_catalog.=) t.oid))
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
 WHERE (NOT (n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
        OR t.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid)
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type e WHERE e.typarray OPERATOR(pg_catalog.=) t.oid)
 ORDER BY t.oid
"""

_OPERATORS: Final = """
SELECT n.nspname::pg_catalog.text, o.oprname::pg_catalog.text, o.oprleft::pg_catalog.int8,
       o.oprright::pg_catalog.int8, o.oid::pg_catalog.int8, o.oprcode::pg_catalog.oid::pg_catalog.int8
  FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
 WHERE NOT (n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
    OR o.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
 ORDER BY o.oid
"""


def stamp_of(tables: Iterable[tuple[str, str]]) -> str:
    """A query for one row a table, which differs when any of that was written: every change of a definition
    writes one with a newer xmin (manual, "System Columns")."""
    return " UNION ALL ".join(
        f"SELECT pg_catalog.count(*), pg_catalog.sum(x.xmin::pg_catalog.text::pg_catalog.int8)"  # noqa: S608 - names of ours
        f" FROM pg_catalog.{name} x" + (f" WHERE x.{key} OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid" if key else "")
        for name, key in tables
    )


STAMP: Final = stamp_of(
    (
        ("pg_cast", ""),
        ("pg_opclass", "oid"),
        ("pg_amop", "oid"),
        ("pg_amproc", "oid"),
        ("pg_index", "indexrelid"),
        ("pg_policy", ""),
        ("pg_trigger", ""),
        ("pg_event_trigger", ""),
        ("pg_language", ""),
        ("pg_extension", ""),
        ("pg_enum", ""),
        ("pg_range", "rngtypid"),
        ("pg_foreign_table", ""),
        ("pg_db_role_setting", ""),
        ("pg_auth_members", ""),
    )
)
"""What is not in a `Catalog` and may matter to a verdict all the same: what an operator means, whose conditions and
triggers run, what a role may do and is set to."""

_HEAD: Final = """
SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.current_database()::pg_catalog.text,
       ARRAY(SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_namespace n ORDER BY n.oid)
"""


BUSY: Final = "55P03"
"""lock_not_available."""
LOCK_MILLISECONDS: Final = 2000


async def quiet_connection(conninfo: str) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """A connection of our own, on which no name means anything that is not spelled out. Raises psycopg.Error."""
    connection = await psycopg.AsyncConnection.connect(conninfo, row_factory=tuple_row)
    try:
        await connection.execute("SET search_path TO ''")
        # Measured on a database of some size: compiling these queries takes a second, running them a tenth of one.
        await connection.execute("SET jit TO off")
        await connection.commit()
    except BaseException:  # a cancellation above all: nobody else knows of it yet
        await connection.close()
        raise
    return connection


async def load_catalog(conninfo: str) -> Catalog:
    """The catalog of the database that `conninfo` (libpq's) names, as of one snapshot. Raises Unavailable, with BUSY
    where somebody else's lock is in the way."""
    try:
        async with await quiet_connection(conninfo) as connection:
            # Printing a view's definition locks what it reads: behind somebody's ALTER TABLE in an open transaction,
            # perhaps that of the very client who waits for us.
            await connection.execute(f"SET lock_timeout TO {LOCK_MILLISECONDS}")
            await connection.commit()
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            return await read_catalog(connection)
    except psycopg.errors.LockNotAvailable as error:
        raise Unavailable(
            "the catalog cannot be read while a table's or a view's definition is being changed",
            sqlstate=BUSY,
            detail="An open transaction holds the lock.",
            hint="Try again when that transaction has ended; one that changes definitions ends with them.",
        ) from error
    except psycopg.Error as error:
        raise Unavailable("cannot read the catalog", detail=str(error).strip()) from error


async def read_catalog(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> Catalog:
    """The catalog over a connection whose search_path is empty."""

    async def rows(query: str) -> list[tuple[Any, ...]]:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall()

    head = (await rows(_HEAD))[0]
    columns: dict[int, list[Column]] = {}
    held: dict[tuple[int, int], list[int]] = {}
    for relation, number, of in await rows(_ROW_TYPES):
        held.setdefault((relation, number), []).append(of)
    for relation, number, name, type_oid, generated, expression, filled, modifier in await rows(_COLUMNS):
        rows_of = tuple(held.get((relation, number), ()))
        column = Column(number, name, type_oid, generated, expression or "", rows_of, filled, modifier)
        columns.setdefault(relation, []).append(column)
    parents: dict[int, list[int]] = {}
    for child, parent in await rows(_PARENTS):
        parents.setdefault(child, []).append(parent)
    keys: dict[int, list[ForeignKey]] = {}
    for relation, numbers, referenced, others, cascades in await rows(_FOREIGN_KEYS):
        keys.setdefault(relation, []).append(ForeignKey(tuple(numbers), referenced, tuple(others), cascades))
    indexes: dict[int, list[Index]] = {}
    for relation, order, count, partial, unique, scanned, depending, *texts in await rows(_INDEXES):
        everything = [column.number for column in columns.get(relation, ())]
        keys_and_more = _ordered_by(order.split(), count, depending or everything, partial=partial)
        expressions = tuple(text for text in texts if text)
        indexes.setdefault(relation, []).append(Index(*keys_and_more, unique, scanned, expressions))
    checks: dict[int, list[tuple[int, ...]]] = {}
    for relation, numbers in await rows(_CHECKS):
        whole = 0 in numbers
        of = tuple(column.number for column in columns.get(relation, ()) if whole or column.number in numbers)
        if len(of) > 1:
            checks.setdefault(relation, []).append(of)
    for relation, numbers in await rows(_PARTITIONED):
        for oid, of in _bounding(relation, numbers, columns, parents):
            checks.setdefault(oid, []).append(of)
    running = {oid for (oid,) in await rows(_RUNNING)}
    defaults: dict[int, list[int]] = {}
    for relation, function in await rows(_DEFAULTS):
        defaults.setdefault(relation, []).append(function)
    trees = int(head[0]) // 10_000 in MAJORS
    stamp = " ".join(f"{count}:{total or 0}" for count, total in await rows(STAMP))
    relations = tuple(
        Relation(
            oid=oid,
            schema=schema,
            name=name,
            kind=kind,
            columns=tuple(columns.get(oid, ())),
            owner=owner,
            definition=definition or "",
            parents=tuple(parents.get(oid, ())),
            foreign_keys=tuple(keys.get(oid, ())),
            has_triggers=triggers,
            has_rules=rules,
            definition_tree=tree or "" if trees else "",
            runs_functions=oid in running,
            default_functions=tuple(defaults.get(oid, ())),
            indexes=tuple(indexes.get(oid, ())),
            checks=tuple(checks.get(oid, ())),
        )
        for oid, schema, name, kind, owner, definition, triggers, rules, tree in await rows(_RELATIONS)
    )
    operators = tuple(Operator(*row) for row in await rows(_OPERATORS))
    return Catalog(
        relations=relations,
        functions=tuple(
            Function(*[*row[:-1], tuple(sorted({oid for oid in row[-1] if oid}))]) for row in await rows(_FUNCTIONS)
        ),
        types=tuple(TypeName(*row) for row in await rows(_TYPES)),
        operators=operators,
        version=int(head[0]),
        database=head[1],
        schemas=tuple(head[2]),
        stamp=stamp,
        data_types=await read_types(rows),
        support=await read_support(rows, int(head[0]) // 10_000, operators),
    )


def _bounding(
    partitioned: int, numbers: Sequence[int], columns: Mapping[int, Sequence[Column]], parents: Mapping[int, list[int]]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The columns of a partition key, in the table and in all that is below it: a changed row that fits no partition is
    an error, in whichever it is changed. Their numbers may differ, their names are the same."""
    names = {column.name for column in columns.get(partitioned, ()) if column.number in numbers}
    pending = [partitioned] if len(names) > 1 else []
    while pending:
        oid = pending.pop()
        yield oid, tuple(column.number for column in columns.get(oid, ()) if column.name in names)
        pending.extend(child for child, above in parents.items() if oid in above)


def _ordered_by(
    order: Sequence[str], keys: int, depending: Sequence[int], *, partial: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """An index's keys and columns. `order` is pg_index.indkey, `depending` what expressions and the predicate read,
    perhaps beside others."""
    named = [int(number) for number in order[:keys]]
    found = [column for number in named for column in ([number] if number else depending)]
    ordered = tuple(dict.fromkeys(number for number in found if number > 0))
    return ordered, tuple(sorted({*ordered, *(depending if partial else ())}))
