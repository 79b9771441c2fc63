"""An operator's files around a database."""

from __future__ import annotations

from pathlib import Path

from pgmaskproxy.demo.server import HOST
from tests.harness.servers import Database

POLICY = """\
apiVersion: pgmaskproxy/v1
kind: Policy
name: test
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}}
  pii.email: {columns: ["*.*.email"], mask: {kind: email}}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - id: schema
    effects: [DDL]
    decide: hold
    approvers: {groups: [dba], deadline: 15m, in_transaction: 30s}
"""

PRINCIPALS = """\
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - {id: alice, groups: [dba]}
  - id: bob
    groups: [dba]
    password: $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$Rdn2GJLwTUlQw4cwyVFTHjd0oAXoJ2Lw6WlbQKD/Wa8
users:
  - name: sales-agent
    kind: agent
    owner: alice
    verifier: SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$5nlBLpVcbpKpqQIYWqIVNAeZGXAoW2EbUw5hGSx0FRk=:\
bC43sC0wGxZEy7tJ9Zg5x5r4z1J8hW0pXlQ0ZPBzJ9o=
"""


def write(
    place: Path, *, database: Database | None = None, port: int = 1, policy: str = POLICY, people: str = PRINCIPALS
) -> Path:
    """pgmaskproxy.yaml and its files in `place`; the configuration's path."""
    (place / "policies").mkdir(exist_ok=True)
    (place / "policies" / "test.yaml").write_text(policy)
    (place / "principals.yaml").write_text(people)
    secret = place / "upstream.secret"
    secret.write_text(database.password if database else "x")
    secret.chmod(0o600)
    name, role = (database.name, database.role) if database else ("shop", "nobody")
    config = place / "pgmaskproxy.yaml"
    config.write_text(
        f"""\
apiVersion: pgmaskproxy/v1
kind: Config
listen: {{port: 0}}
upstream:
  host: {HOST}
  port: {database.server.port if database else port}
  user: {role}
  password: ${{file:upstream.secret}}
  databases: [{name}]
policies: [policies]
principals: principals.yaml
state: sqlite:///{place}/state/state.db
audit: {{directory: {place}/audit}}
keys: {{directory: {place}/keys}}
web: {{port: 0}}
metrics: {{port: 0}}
limits: {{login_seconds: 2}}
"""
    )
    return config
