"""The SQL, line by line; `test_harden` runs it."""

from __future__ import annotations

from pgmaskproxy.cli.hardening import Ground, script, uncovered_labels
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import ColumnRef
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.sql.catalog import Catalog, Column, Relation

CATALOG = Catalog(
    relations=(
        Relation(1, "shop", "people", "r", (Column(1, "id", 23), Column(2, "ssn", 25)), owner="app"),
        Relation(2, "shop", "Orders", "r", (Column(1, "id", 23),)),
        Relation(3, "shop", "people_id_seq", "S", ()),
        Relation(4, "hr", "salaries", "r", (Column(1, "amount", 23),)),
        Relation(5, "public", "pg_stat_statements", "v", (Column(1, "query", 25),)),
        Relation(6, "pg_catalog", "pg_class", "r", (Column(1, "oid", 26),)),
        Relation(7, "shop", "secrets", "v", (Column(1, "ssn", 25),)),
    ),
    schemas=("pg_catalog", "information_schema", "pg_toast", "public", "shop", "hr"),
)
LABELLED = frozenset({ColumnRef("shop", "people", "ssn"), ColumnRef("shop", "secrets", "ssn")})
GROUND = Ground(
    "shop", "app", CATALOG, LABELLED, exists=True, memberships=("pg_monitor",), definers=("shop.f(integer)",)
)
RULES = """
  - {id: reads, effects: [READ], relations: ["shop.*"], decide: allow}
  - id: writes
    effects: [WRITE]
    relations: ["shop.people*"]
    decide: hold
    approvers: {groups: [dba], deadline: 15m, in_transaction: 30s}
"""


def policy(rules: str = RULES) -> Policy:
    text = (
        "apiVersion: pgmaskproxy/v1\nkind: Policy\nname: t\n"
        'labels: {pii: {columns: ["*.*.ssn"], mask: {kind: redact}, clear_for: ["group:fraud"]}}\n'
        f"rules:{rules}"
    )
    return load_policies([("t.yaml", text)], kinds())


def grants(rules: str = RULES, **options: bool) -> list[str]:
    return [line for line in script(policy(rules), GROUND, **options).splitlines() if line.startswith("GRANT")]


def test_what_the_policy_allows_or_holds_is_granted_and_nothing_else() -> None:
    assert grants() == [
        'GRANT CONNECT ON DATABASE "shop" TO "app";',
        'GRANT USAGE ON SCHEMA "shop" TO "app";',
        'GRANT SELECT ON "shop"."Orders" TO "app";',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON "shop"."people" TO "app";',
        'GRANT USAGE ON SEQUENCE "shop"."people_id_seq" TO "app";',
        'GRANT SELECT ON "shop"."secrets" TO "app";',
    ]


def test_columns_with_labels_are_left_out() -> None:
    found = grants(columns=True)
    assert 'GRANT SELECT ("id"), INSERT, UPDATE ("id"), DELETE ON "shop"."people" TO "app";' in found
    assert 'GRANT SELECT ON "shop"."Orders" TO "app";' in found
    assert not [line for line in found if "secrets" in line], "it has no other columns"


def test_a_rule_that_denies_and_one_for_another_database_grant_nothing() -> None:
    for rule in (
        '\n  - {id: r, effects: [READ], relations: ["shop.*"], decide: deny}\n',
        '\n  - {id: r, effects: [READ], relations: ["shop.*"], decide: allow, database: [other]}\n',
        '\n  - {id: r, effects: [DDL], relations: ["shop.*"], decide: allow}\n',
    ):
        assert grants(rule) == ['GRANT CONNECT ON DATABASE "shop" TO "app";']


def test_what_reveals_others_is_granted_only_by_name() -> None:
    everything = '\n  - {id: r, effects: [READ], relations: ["*.*"], decide: allow}\n'
    assert not [line for line in grants(everything) if "pg_stat_statements" in line]
    named = '\n  - {id: r, effects: [READ], relations: ["public.pg_stat_statements"], decide: allow}\n'
    assert 'GRANT SELECT ON "public"."pg_stat_statements" TO "app";' in grants(named)


def test_what_it_must_not_have() -> None:
    text = script(policy(), GROUND)
    assert 'ALTER ROLE "app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;' in text
    assert 'REVOKE "pg_monitor" FROM "app";' in text
    assert '-- It owns shop.people: ALTER TABLE "shop"."people" OWNER TO somebody else;' in text
    assert 'REVOKE ALL ON ALL TABLES IN SCHEMA "hr" FROM "app";' in text
    assert "pg_catalog" not in text
    assert "-- REVOKE EXECUTE ON FUNCTION shop.f(integer) FROM PUBLIC;" in text
    assert "\nREVOKE EXECUTE ON FUNCTION shop.f(integer) FROM PUBLIC;" in script(policy(), GROUND, public=True)
    assert "pgaudit" in text
    assert "log_min_messages" not in script(policy(), GROUND, quiet=False)
    assert text.startswith("-- ")
    assert text.endswith("COMMIT;")


def test_who_would_lose_something() -> None:
    assert uncovered_labels(policy()) == ("pii",)
