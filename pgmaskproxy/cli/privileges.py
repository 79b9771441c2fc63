"""What the upstream role may do, and what around it weakens the proxy, as the server itself says.

Asked on a connection of that role. Everything is spelled out in full under an empty search_path (THREATS X4, X5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg

from pgmaskproxy.model import ColumnRef

POWERS: Final = ("superuser", "createrole", "replication", "bypassrls")
"""Role attributes, as `upstream.accept_role` names them."""
HARMLESS: Final = frozenset({"pg_use_reserved_connections"})
"""Of PostgreSQL's own roles (manual 22.5): it opens no data."""

_ROLES: Final = """
SELECT r.rolname::pg_catalog.text, r.rolsuper, r.rolcreaterole, r.rolreplication, r.rolbypassrls,
       r.rolname OPERATOR(pg_catalog.=) current_user
  FROM pg_catalog.pg_roles r
 WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
"""
_INDEXES: Final = """
SELECT i.indexrelid::pg_catalog.regclass::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       ARRAY(SELECT a.attname::pg_catalog.text
               FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
                                             AND a.attnum OPERATOR(pg_catalog.=) k.number
              ORDER BY k.place),
       CASE WHEN NOT (0::pg_catalog.int2 OPERATOR(pg_catalog.=) ANY (i.indkey::pg_catalog.int2[]))
            THEN ARRAY[]::pg_catalog.text[]
            ELSE ARRAY(SELECT a.attname::pg_catalog.text
                         FROM pg_catalog.pg_depend d
                         JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) d.refobjid
                                                       AND a.attnum OPERATOR(pg_catalog.=) d.refobjsubid
                        WHERE d.objid OPERATOR(pg_catalog.=) i.indexrelid
                          AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND d.refobjid OPERATOR(pg_catalog.=) i.indrelid
                        ORDER BY a.attnum) END, i.indisclustered,
       (SELECT pg_catalog.count(*)
          FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (number, place)
         WHERE k.place OPERATOR(pg_catalog.<=) i.indnkeyatts
           AND k.number OPERATOR(pg_catalog.<>) 0::pg_catalog.int2)::pg_catalog.int4
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE i.indisvalid AND NOT (n.nspname OPERATOR(pg_catalog.=) ANY
       (ARRAY['pg_catalog', 'pg_toast', 'information_schema']::pg_catalog.name[]))
 ORDER BY 1
"""
_EXTENSIONS: Final = "SELECT e.extname::pg_catalog.text FROM pg_catalog.pg_extension e ORDER BY 1"
_LANGUAGES: Final = """
SELECT l.lanname::pg_catalog.text FROM pg_catalog.pg_language l
 WHERE l.lanispl AND NOT l.lanpltrusted ORDER BY 1
"""
_DEFINERS: Final = """
SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
 WHERE p.prosecdef AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND NOT (n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
   AND NOT (p.proowner OPERATOR(pg_catalog.=) (SELECT r.oid FROM pg_catalog.pg_roles r
                                                WHERE r.rolname OPERATOR(pg_catalog.=) current_user))
 ORDER BY 1
"""
_LARGE_OBJECTS: Final = """
SELECT pg_catalog.count(*)
  FROM pg_catalog.pg_largeobject_metadata m
 WHERE pg_catalog.current_setting('lo_compat_privileges')::pg_catalog.bool
    OR pg_catalog.pg_has_role(current_user, m.lomowner, 'USAGE')
    OR EXISTS (SELECT 1 FROM pg_catalog.aclexplode(m.lomacl) g
                WHERE g.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
                   OR pg_catalog.pg_has_role(current_user, g.grantee, 'USAGE'))
"""
_SETTINGS: Final = """
SELECT pg_catalog.current_setting('log_min_messages'), pg_catalog.has_database_privilege(
           pg_catalog.current_database(), 'CREATE')
"""


@dataclass(frozen=True, slots=True)
class Index:
    """An index outside the system's schemas."""

    name: str
    schema: str
    table: str
    columns: tuple[str, ...]
    """Key columns, then INCLUDE; expressions are left out."""
    computed_from: tuple[str, ...]
    """Where an expression is a key: every column that the index rests on, since nothing says which are in which."""
    clustered: bool
    """The table was last CLUSTERed by it: its rows lie in this order."""

    keys: int
    """How many of `columns` are key columns."""

    @property
    def ordering(self) -> tuple[ColumnRef, ...]:
        """What its order may tell of: a later key orders the rows that are alike in the earlier ones."""
        named = self.columns[: self.keys]
        return tuple(self.ref(name) for name in (*named, *(name for name in self.computed_from if name not in named)))

    def ref(self, column: str) -> ColumnRef:
        """The shared noun for a column of its table."""
        return ColumnRef(self.schema, self.table, column)


@dataclass(frozen=True, slots=True)
class Privileges:
    """One role in one database."""

    attributes: frozenset[str] = frozenset()
    """Of `POWERS`, its own."""
    inherited: tuple[tuple[str, str], ...] = ()
    """(role, power): a role it is a member of has the power, and SET ROLE or a function takes it there."""
    predefined: tuple[str, ...] = ()
    """PostgreSQL's own roles that it is a member of, without the harmless ones."""
    log_min_messages: str = "fatal"
    creates_schemas: bool = False
    indexes: tuple[Index, ...] = ()
    extensions: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    """Untrusted procedural ones: what is written in them does whatever the server's process may."""
    definers: tuple[str, ...] = ()
    """SECURITY DEFINER functions that it may execute."""
    large_objects: int = 0
    """How many it may read."""


async def read_privileges(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> Privileges:
    """Ask, over a connection of the role whose search_path is empty. Raises psycopg.Error."""

    async def rows(query: str) -> list[tuple[Any, ...]]:
        return await (await connection.execute(query.encode())).fetchall()

    roles = await rows(_ROLES)
    own = next((row for row in roles if row[5]), None)
    attributes = frozenset(power for power, has in zip(POWERS, own[1:5], strict=True) if has) if own else frozenset()
    others = [] if "superuser" in attributes else [row for row in roles if not row[5]]  # it is a member of everything
    log_min_messages, creates = (await rows(_SETTINGS))[0]
    return Privileges(
        attributes,
        tuple(sorted((row[0], power) for row in others for power, has in zip(POWERS, row[1:5], strict=True) if has)),
        tuple(sorted(row[0] for row in others if row[0].startswith("pg_") and row[0] not in HARMLESS)),
        log_min_messages,
        creates,
        tuple(Index(a, b, c, tuple(d), tuple(e), f, g) for a, b, c, d, e, f, g in await rows(_INDEXES)),
        frozenset(row[0] for row in await rows(_EXTENSIONS)),
        tuple(row[0] for row in await rows(_LANGUAGES)),
        tuple(row[0] for row in await rows(_DEFINERS)),
        (await rows(_LARGE_OBJECTS))[0][0],
    )
