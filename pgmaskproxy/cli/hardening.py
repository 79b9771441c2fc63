"""The SQL that leaves an upstream role no more than the policy needs. Text only: a person runs it.

What a policy allows or holds is granted, since a held statement runs once somebody has agreed; what it denies, and what
it says nothing of, is not. DDL needs ownership, which the role must not have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from pgmaskproxy.model import ColumnRef, Effect, Outcome, RelationRef
from pgmaskproxy.policy.revealing import SYSTEM_SCHEMAS, named_only
from pgmaskproxy.policy.rules import Policy, Rule, relation_names
from pgmaskproxy.sql.catalog import Catalog, Relation

READS: Final = frozenset({Effect.READ, Effect.EXPORT})
WRITES: Final = ("INSERT", "UPDATE", "DELETE")
TABLES: Final = "rpvmf"
"""pg_class.relkind of what GRANT calls a table."""
SEQUENCE: Final = "S"

LOG: Final = """\
-- The server prints each statement's tree to the proxy as a LOG message. `fatal` keeps those, and the literals in
-- them, out of the server's own log. It silences for this role, too: log_statement, log_duration,
-- log_min_duration_statement, auto_explain, pgaudit, and the log of its errors and warnings. The proxy's audit log
-- has every statement, without literals."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the SQL is for: one role in one database, as it is now."""

    database: str
    role: str
    catalog: Catalog
    labelled: frozenset[ColumnRef]
    """Closed over the catalog."""
    exists: bool = False
    memberships: tuple[str, ...] = ()
    """Roles it is directly a member of."""
    definers: tuple[str, ...] = ()
    """SECURITY DEFINER functions that PUBLIC may execute, as the server quotes them."""


def script(policy: Policy, ground: Ground, *, columns: bool = False, public: bool = False, quiet: bool = True) -> str:
    """The whole of it, as one transaction.

    `columns`: grant only the columns without labels. `public`: take from PUBLIC as well, which everybody else feels;
    else those lines are comments. `quiet`: keep trees out of the server's log.
    """
    role = _name(ground.role)
    lines = [
        f"-- Run this in database {_name(ground.database)} as a superuser. It leaves role {role} no more than the",
        "-- policy needs; `pgmaskproxy harden` only prints it.",
        "BEGIN;",
        "",
        *_role(ground, role),
        "",
        *([LOG, f"ALTER ROLE {role} SET log_min_messages = fatal;", ""] if quiet else []),
        "-- What it had before.",
        *_revoked(ground, role),
        "",
        "-- What the policy allows or holds.",
        *_granted(policy, ground, role, columns=columns),
        "",
        "-- What everybody may. "
        + ("" if public else "Comments, because others would feel it: --public makes them SQL."),
        *(line if public else f"-- {line}" for line in _public(ground)),
        "",
        "COMMIT;",
    ]
    return "\n".join(lines)


def uncovered_labels(policy: Policy) -> tuple[str, ...]:
    """Labels that somebody is cleared for: with `columns` nobody sees their columns any more."""
    return tuple(label.id for label in policy.labels.values() if label.clear_for)


def _role(ground: Ground, role: str) -> Iterator[str]:
    verb = "ALTER" if ground.exists else "CREATE"
    yield f"{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;"
    if not ground.exists:
        yield f"-- It has no password yet: psql's \\password {role}"
    for member in ground.memberships:
        yield f"REVOKE {_name(member)} FROM {role};"
    owned = [each for each in ground.catalog.relations if each.owner == ground.role and each.kind in TABLES]
    for relation in owned:
        yield f"-- It owns {relation.ref}: ALTER TABLE {_relation(relation.ref)} OWNER TO somebody else;"


def _revoked(ground: Ground, role: str) -> Iterator[str]:
    yield f"REVOKE ALL ON DATABASE {_name(ground.database)} FROM {role};"
    for schema in _schemas(ground.catalog):
        yield f"REVOKE ALL ON SCHEMA {_name(schema)} FROM {role};"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {_name(schema)} FROM {role};"
        yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {_name(schema)} FROM {role};"


def _granted(policy: Policy, ground: Ground, role: str, *, columns: bool) -> Iterator[str]:
    yield f"GRANT CONNECT ON DATABASE {_name(ground.database)} TO {role};"
    rules = [
        rule
        for rule in policy.rules
        if rule.decide is not Outcome.DENY
        and (rule.databases is None or any(pattern.matches((ground.database,)) for pattern in rule.databases))
    ]
    used = dict.fromkeys(
        each.schema for each in _relations(ground.catalog) if any(_effects(rules, each.ref)) and each.kind != "c"
    )
    for schema in used:
        yield f"GRANT USAGE ON SCHEMA {_name(schema)} TO {role};"
    for relation in _relations(ground.catalog):
        effects = _effects(rules, relation.ref)
        if relation.kind == SEQUENCE:
            if Effect.WRITE in effects:
                yield f"GRANT USAGE ON SEQUENCE {_relation(relation.ref)} TO {role};"
            continue
        clean = _clean(relation, ground.labelled) if columns else None
        granted = [_on_columns("SELECT", clean)] if effects & READS else []
        if Effect.WRITE in effects:
            granted += [_on_columns(each, clean) if each == "UPDATE" else each for each in WRITES]
        granted = [each for each in granted if each]
        if granted:
            yield f"GRANT {', '.join(granted)} ON {_relation(relation.ref)} TO {role};"


def _public(ground: Ground) -> Iterator[str]:
    yield f"REVOKE TEMPORARY ON DATABASE {_name(ground.database)} FROM PUBLIC;"
    if "public" in ground.catalog.schemas:
        yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
    for function in ground.definers:
        yield f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC;"


def _effects(rules: Sequence[Rule], relation: RelationRef) -> frozenset[Effect]:
    """What some rule lets be done to `relation`, as policy/coverage matches rules."""
    names = relation_names(relation)
    found: set[Effect] = set()
    for rule in rules:
        for effect in rule.effects & {*READS, Effect.WRITE}:
            exact = named_only(effect, relation)
            if rule.relations is None:
                matches = not exact
            else:
                matches = any(each.matches(names) and (each.exact or not exact) for each in rule.relations)
            if matches:
                found.add(effect)
    return frozenset(found)


def _relations(catalog: Catalog) -> Iterator[Relation]:
    for relation in sorted(catalog.relations, key=lambda each: each.ref):
        system = relation.schema in SYSTEM_SCHEMAS or relation.schema.startswith(("pg_toast", "pg_temp"))
        if not system and relation.kind in {*TABLES, SEQUENCE}:
            yield relation


def _schemas(catalog: Catalog) -> list[str]:
    return [each for each in sorted(catalog.schemas) if each not in SYSTEM_SCHEMAS and not each.startswith("pg_")]


def _clean(relation: Relation, labelled: frozenset[ColumnRef]) -> list[str] | None:
    """The names of its columns without labels; None when none has one."""
    names = [column.name for column in relation.columns if relation.column_ref(column) not in labelled]
    return names if len(names) < len(relation.columns) else None


def _on_columns(privilege: str, columns: Sequence[str] | None) -> str:
    if columns is None:
        return privilege
    return f"{privilege} ({', '.join(_name(each) for each in columns)})" if columns else ""


def _name(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _relation(ref: RelationRef) -> str:
    return sql.Identifier(ref.schema, ref.name).as_string(None)
