"""A small catalog, a policy and people over it: what a judge knows, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import Principal, Statement
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.principals import Directory, load_principals
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.knowledge import Database, Knowledge, label
from pgmaskproxy.sql.catalog import Catalog, Column, Relation
from pgmaskproxy.wire.scram import make_verifier

PATH = ("pg_catalog", "shop")
POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: test
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}, clear_for: ["group:fraud"]}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - {id: writes, effects: [WRITE], decide: hold, approvers: {groups: [dba], deadline: 15m, in_transaction: 30s}}
"""
PRINCIPALS = """
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - {{id: alice, groups: [dba]}}
  - {{id: bob, groups: [dba]}}
users:
  - {{name: agent, kind: agent, owner: alice, groups: [agents], verifier: "{verifier}"}}
  - {{name: carol, kind: agent, owner: alice, groups: [fraud], verifier: "{verifier}"}}
"""


def policy(text: str = POLICY) -> Policy:
    return load_policies([("test.yaml", text)], kinds())


def directory() -> Directory:
    verifier = make_verifier("a password", b"0123456789abcdef")
    return load_principals("principals.yaml", PRINCIPALS.format(verifier=verifier))


def principal(name: str = "agent", address: str = "10.0.0.1") -> Principal:
    found = directory().principal(name, address)
    assert found is not None
    return found


def table(oid: int, name: str, columns: Sequence[str], schema: str = "shop") -> Relation:
    made = tuple(Column(number, column, 25) for number, column in enumerate(columns, 1))
    return Relation(oid=oid, schema=schema, name=name, kind="r", columns=made, owner="shop_owner")


CUSTOMERS = table(20001, "customers", ["id", "name", "ssn"])
OTHERS = table(20002, "customers", ["id", "name", "ssn"], schema="other")


def catalog(*relations: Relation) -> Catalog:
    return Catalog(relations=relations or (CUSTOMERS, OTHERS), schemas=("pg_catalog", "shop", "other"), version=180000)


def database(known: Catalog | None = None, under: Policy | None = None) -> Database:
    """Needs no deep stack: there are no views."""
    return label(under or policy(), known or catalog())


def knowledge() -> Knowledge:
    return Knowledge(policy(), directory(), {"shop": database()})


def statement(sql: str = "SELECT ssn FROM customers", **changes: object) -> Statement:
    return replace(Statement(sql, "shop", "pgmaskproxy", PATH), **changes)  # type: ignore[arg-type]
