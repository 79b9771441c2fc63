"""Writes `builtins.json` and `routines.json` of `pgmaskproxy/sql/data` from the catalogs of real servers.

    python -m tests.sql.regenerate_builtins CONNINFO [CONNINFO...]

Give one server of every supported major version, freshly initialised and without extensions. `routine_rules` has the
class of every function; a name is as bad as its worst overload. Read the diff of both files before committing: a
new function may be stable and dangerous all the same.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgmaskproxy.model import Effect
from pgmaskproxy.sql.routines import EFFECTS, FIRST_UNPINNED, RoutineClass
from tests.sql.routine_rules import Row, classify

DATA = Path(__file__).parents[2] / "pgmaskproxy" / "sql" / "data"

SERVERS_OWN = re.compile(r"(internal|cstring(\[\])?|trigger|event_trigger|.*_handler)$")
"""Types of an argument or a result: a text that names such a function is never plain, whatever its class is."""

WORST = (Effect.EXPORT, Effect.ADMIN, Effect.WRITE, Effect.SESSION, Effect.UNKNOWN)

COMPOSITE = frozenset({"record", "anyelement", "anycompatible"})
"""Return types that may turn out to have columns of their own."""

FUNCTIONS = """
SELECT p.oid::int8, n.nspname::text, p.proname::text, pg_catalog.oidvectortypes(p.proargtypes), p.prokind::text,
       p.provolatile::text, pg_catalog.format_type(p.prorettype, NULL), t.typtype::text, p.proargnames::text[],
       p.proargmodes::text[]
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE p.oid < 16384 ORDER BY p.oid
"""

OPERATORS = """
SELECT o.oid::int8, o.oprcode::oid::int8, o.oprname::text, o.oprleft::int8, o.oprright::int8,
       CASE o.oprleft WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,
       CASE o.oprright WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END
  FROM pg_catalog.pg_operator o WHERE o.oid < 16384 ORDER BY o.oid
"""

TYPES = """
SELECT typname FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND oid < 16384 AND typrelid = 0
   AND NOT EXISTS (SELECT 1 FROM pg_type e WHERE e.typarray = t.oid)
"""

METHODS = """
SELECT proname FROM pg_proc WHERE prorettype = 'tsm_handler'::regtype AND proname <> 'tsm_handler_in' AND oid < 16384
"""


@dataclass(frozen=True, slots=True)
class Server:
    """What one server's catalogs say."""

    version: int
    functions: tuple[tuple[Row, tuple[str, ...] | None], ...]
    """Each with the names of its columns in FROM: () for one named after the function, None when not known."""
    operators: tuple[tuple[int, int, str, int, int, str, str], ...]
    types: frozenset[str]
    methods: frozenset[str]


def read(conninfo: str) -> Server:
    """One server's catalogs. Raises psycopg.Error."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET search_path TO ''")
        rows = []
        for *row, typtype, names, modes in connection.execute(FUNCTIONS):
            columns = _columns(names, modes, typtype, row[6])
            rows.append((Row(*row), columns))
        return Server(
            connection.info.server_version,
            tuple(rows),
            tuple(connection.execute(OPERATORS)),
            frozenset(name for (name,) in connection.execute(TYPES)),
            frozenset(name for (name,) in connection.execute(METHODS)),
        )


def _columns(names: list[str] | None, modes: list[str] | None, typtype: str, result: str) -> tuple[str, ...] | None:
    if names is not None and modes is not None:
        return tuple(name for name, mode in zip(names, modes, strict=True) if mode in {"o", "b", "t"})
    return None if typtype == "c" or result in COMPOSITE else ()


def by_name(overloads: list[Row]) -> str:
    """What a text that calls the name may do: `safe`, or the effect of its worst overload."""
    effects = {EFFECTS[kind] for row in overloads if (kind := RoutineClass(classify(row))) in EFFECTS}
    own = any(SERVERS_OWN.match(part) for row in overloads for part in (*row.arguments.split(", "), row.result))
    if own:
        effects.add(Effect.UNKNOWN)
    return next((str(effect) for effect in WORST if effect in effects), "safe")


def builtins(servers: list[Server]) -> dict[str, object]:
    """The file that texts are read by."""
    overloads: dict[str, list[Row]] = defaultdict(list)
    columns: dict[str, set[tuple[str, ...] | None]] = defaultdict(set)
    operators: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for server in servers:
        for row, found in server.functions:
            if row.schema == "pg_catalog":
                overloads[row.name].append(row)
                columns[row.name].add(found)
        for _, _, name, left, right, _, _ in server.operators:
            operators[name].add((left, right))
    effects: dict[str, list[str]] = defaultdict(list)
    for name in sorted(overloads):
        effects[by_name(overloads[name])].append(name)
    out = {
        name: list(one) if len(found) == 1 and (one := next(iter(found))) is not None else None
        for name, found in sorted(columns.items())
    }
    return {
        "versions": sorted(server.version for server in servers),
        "functions": dict(sorted(effects.items())),
        "aggregates": sorted(name for name, rows in overloads.items() if any(row.kind in {"a", "w"} for row in rows)),
        "columns": {name: found for name, found in out.items() if found != []},
        "types": sorted(frozenset().union(*(server.types for server in servers))),
        "operators": {name: sorted(pairs) for name, pairs in sorted(operators.items())},
        "sample_methods": sorted(frozenset().union(*(server.methods for server in servers))),
    }


def routines(servers: list[Server]) -> dict[str, object]:
    """The file that trees are read by: `OID signature`, `OID@MAJOR` where the versions differ, `-` without an OID."""
    places: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    operators: dict[int, str] = {}
    for server in servers:
        major = server.version // 10_000
        for row, _ in server.functions:
            signature = f"{row.schema}.{row.signature}"
            places[classify(row), signature, row.oid if row.oid < FIRST_UNPINNED else 0].add(major)
        for oid, function, name, _, _, left, right in server.operators:
            line = f"{oid} {function} {name}({left}, {right})"
            if operators.setdefault(oid, line) != line:
                raise LookupError(f"an operator has changed: {operators[oid]}, {line}")
    majors = {server.version // 10_000 for server in servers}
    classes: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for (kind, signature, oid), where in places.items():
        for only in [""] if where == majors or not oid else sorted(f"@{major}" for major in where):
            classes[kind].append((oid, f"{oid or '-'}{only} {signature}"))
    return {
        "versions": sorted(server.version for server in servers),
        "functions": {kind: [line for _, line in sorted(classes[kind])] for kind in sorted(classes)},
        "operators": [operators[oid] for oid in sorted(operators)],
    }


def write(name: str, data: dict[str, object]) -> None:
    """One file, one thing a line."""
    lines = json.dumps(data, indent=1, ensure_ascii=False)
    lines = re.sub(r"\[\s+(-?\d+),\s+(-?\d+)\s+\]", r"[\1, \2]", lines)
    (DATA / name).write_text(lines + "\n", encoding="utf-8")


def main(conninfos: list[str]) -> None:
    """Reads every server and writes both files."""
    servers = [read(conninfo) for conninfo in conninfos]
    write("builtins.json", builtins(servers))
    write("routines.json", routines(servers))


if __name__ == "__main__":
    main(sys.argv[1:])
