"""What ships with PostgreSQL, by OID: what each function of pg_catalog and information_schema may do; operators.

`data/routines.json` is generated from the catalogs of real servers by the reviewed table `tests/sql/routine_rules.py`.
A tree names functions by OID. Those below `FIRST_UNPINNED` are the same on every server of a major version (manual,
"System Catalog Declarations"); what initdb makes after that has whatever OID came next, and is known by its name.
A major version whose catalog was not read here is believed only where its neighbours agree, or where the server itself
says that the OID is the function it should be.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from pgmaskproxy.model import Effect


class RoutineClass(enum.StrEnum):
    """What calling a function may do. The first five are safe: they do nothing but give a result."""

    PASS = "pass"  # noqa: S105
    """Its result is a fact that any session may know (the clock, its own state, definitions), or its argument."""
    TRANSFORM = "transform"
    """Computes its result from its arguments; may fail, and quote them."""
    TOTAL = "total"
    """As TRANSFORM, and never fails whatever its first argument is, while the others are constants."""
    AGGREGATE = "aggregate"
    """Computes its result from rows: aggregate and window functions."""
    COUNT = "count"
    READS_DATA = "reads_data"
    """Reads, or changes, tables that its arguments name, or large objects."""
    RUNS_SQL = "runs_sql"
    """Runs SQL that is in its arguments."""
    FILE = "file"
    """Reads, writes or lists the server's files."""
    NETWORK = "network"
    """Sends something to other sessions or servers."""
    ADMIN = "admin"
    """The server's own state, other sessions' doings, statistics, replication, advisory locks."""
    SESSION = "session"
    """Changes the session's settings."""
    WRITES = "writes"
    """Changes a sequence."""
    SLEEPS = "sleeps"
    ORACLE = "oracle"
    """Runs the input code of a type that its arguments name: harmless where every type's is."""
    INTERNAL = "internal"
    """The server's own affair: no SQL text can call it."""


SAFE: Final = frozenset(
    {RoutineClass.PASS, RoutineClass.TRANSFORM, RoutineClass.TOTAL, RoutineClass.AGGREGATE, RoutineClass.COUNT}
)
"""Classes whose functions bring no effect. Their arguments cannot choose data either."""

BEHIND: Final = SAFE | {RoutineClass.ORACLE, RoutineClass.INTERNAL}
"""Classes whose functions are harmless behind a type or an operator class, where nothing calls them: the types that an
array's or a row's input function is told to read are those it is made of."""

EFFECTS: Final[Mapping[RoutineClass, Effect]] = MappingProxyType(
    {
        RoutineClass.READS_DATA: Effect.EXPORT,
        RoutineClass.RUNS_SQL: Effect.EXPORT,
        RoutineClass.FILE: Effect.EXPORT,
        RoutineClass.NETWORK: Effect.ADMIN,
        RoutineClass.ADMIN: Effect.ADMIN,
        RoutineClass.SLEEPS: Effect.ADMIN,
        RoutineClass.SESSION: Effect.SESSION,
        RoutineClass.WRITES: Effect.WRITE,
        RoutineClass.ORACLE: Effect.UNKNOWN,
        RoutineClass.INTERNAL: Effect.UNKNOWN,
    }
)
"""What a call brings that is not safe."""

FIRST_UNPINNED: Final = 12_000
"""access/transam.h: what is below is part of the server itself."""
FIRST_NORMAL: Final = 16_384
"""access/transam.h: what initdb makes is below, what users and extensions make is not."""

_DATA: Final[Mapping[str, Any]] = MappingProxyType(
    json.loads(files("pgmaskproxy.sql").joinpath("data", "routines.json").read_text(encoding="utf-8"))
)

VERSIONS: Final = frozenset(version // 10_000 for version in _DATA["versions"])
"""Major versions whose catalogs the file was made from."""

Entry = tuple[str, RoutineClass]
"""A function's `schema.name(types)`, types as format_type prints them under an empty search_path, and its class."""


def _tables() -> tuple[Mapping[int, Mapping[int, Entry]], Mapping[str, RoutineClass]]:
    by_oid: dict[int, dict[int, Entry]] = {major: {} for major in VERSIONS}
    by_name: dict[str, RoutineClass] = {}
    for kind, lines in _DATA["functions"].items():
        for line in lines:
            place, _, signature = line.partition(" ")
            oid, _, only = place.partition("@")
            entry = (signature, RoutineClass(kind))
            if oid == "-":
                by_name[signature] = entry[1]
            else:
                for major in (int(only),) if only else VERSIONS:
                    by_oid[major][int(oid)] = entry
    tables = {major: MappingProxyType(entries) for major, entries in by_oid.items()}
    common = set.intersection(*(set(entries.items()) for entries in by_oid.values()))
    tables[0] = MappingProxyType(dict(common))
    return MappingProxyType(tables), MappingProxyType(by_name)


_BY_OID, _BY_NAME = _tables()

OPERATORS: Final[Mapping[int, tuple[str, int]]] = MappingProxyType(
    {
        int(oid): (signature, int(function))
        for oid, function, signature in (line.split(" ", 2) for line in _DATA["operators"])
    }
)
"""Operators of pg_catalog by OID: `name(left, right)`, NONE for no operand, and the function behind. No OID of one
has ever meant another in the versions that are known."""


def builtin(oid: int, major: int) -> Entry | None:
    """The function of that OID on a server of that major version; None where it is not known for certain."""
    return _BY_OID.get(major, _BY_OID[0]).get(oid)


def builtin_said(oid: int, signature: str) -> RoutineClass | None:
    """The class of the function that the server itself calls `schema.name(types)` at that OID; None if it is not known.

    For what `builtin` does not know: functions made by initdb, and those of major versions between the known ones.
    Nobody but initdb can make a function below `FIRST_NORMAL`.
    """
    if oid >= FIRST_UNPINNED:
        return _BY_NAME.get(signature) if oid < FIRST_NORMAL else None
    said = (_BY_OID[major].get(oid) for major in sorted(VERSIONS))
    return next((found[1] for found in said if found is not None and found[0] == signature), None)


def entries(major: int) -> Mapping[int, Entry]:
    """Everything known by OID of one of VERSIONS. Raises KeyError for another."""
    return _BY_OID[major]
