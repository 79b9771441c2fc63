"""What the corpora run on: a server, twin databases that differ only in their secrets, and a proxy in front of both.

The twins are copies of one template, so that even their OIDs are equal: what a client is sent must be equal too. A
difference is a leak, whatever the reason (an oracle that confirms a guess, an order, a length, a hash).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import psycopg
from argon2 import PasswordHasher
from psycopg import sql

from pgmaskproxy.config import load_config
from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.demo.approver import Approver
from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.wire.scram import make_verifier
from tests.corpus.client import HOST, Client
from tests.corpus.secrets import Secrets
from tests.harness.proxy import _thread

HERE: Final = Path(__file__).parent
LEAK: Final = "leak"
TWIN: Final = "twin"
TEMPLATE: Final = "template_of_both"
AGENT: Final = "agent"
PERSON: Final = "bob"
PASSWORD: Final = "x"
EXTENSIONS: Final = (
    *("pg_stat_statements", "pageinspect", "dblink", "postgres_fdw", "file_fdw", "adminpack", "hstore", "xml2"),
    *("tablefunc", "pg_trgm", "btree_gist", "citext", "lo", "pgcrypto", "pg_walinspect", "fuzzystrmatch", "unaccent"),
)
MODES: Final[tuple[str, ...]] = get_args(Upstream.model_fields["attestation"].annotation)
STRICTEST: Final = "required" if "required" in MODES else "preferred"

CONFIG: Final = """\
apiVersion: pgmaskproxy/v1
kind: Config
listen: {{port: 0}}
upstream:
  host: {host}
  port: {port}
  user: {role}
  attestation: {attestation}
  databases: [{databases}]
policies: [policy.yaml]
principals: principals.yaml
state: "sqlite:///{directory}/state.db"
audit: {{directory: audit}}
keys: {{directory: keys}}
web: {{port: 0}}
metrics: {{port: 0}}
limits: {{held_requests: 50}}
"""
PRINCIPALS: Final = """\
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - {{id: alice, groups: [dba]}}
  - {{id: bob, groups: [dba], password: "{hash}"}}
users:
  - {{name: agent, kind: agent, owner: alice, groups: [agents], verifier: "{verifier}"}}
"""

# The secrets of a database, as expressions over i. Equal in size, so that rows lie in the same places; and the parts
# of each differ in length, so that a length would be seen.
SECRETS: Final[Mapping[str, Mapping[str, str]]] = {
    LEAK: {
        "ssn": "lpad((100+i)::text,3,'0')||'-'||lpad((i%90+10)::text,2,'0')||'-'||lpad((1000+i*7)::text,4,'0')",
        "email": "'user'||i||'@corp.example'",
        "card": "'4111-1111-1111-'||lpad((1000+i)::text,4,'0')",
        "dob": "date '1970-01-01'+i*37",
        "notes": "'note '||i||' in file '||(700000+i*13)",
        "vip": "'vip@corp.example','900-00-0001','4000-0000-0000-0001','1960-01-01','vip note in file 799999'",
        "person": "lpad((500+i)::text,3,'0')||'-55-5555'",
        "gen": "'777-77-7777'",
        "phone": "'+49'||(15550000+i*7919)||lpad((i%100)::text,2,'0')",
        "contact": "'user'||i||'.mail@corp.example'",
    },
    TWIN: {
        "ssn": "lpad((901-i*3)::text,3,'0')||'-'||lpad((99-i%80)::text,2,'0')||'-'||lpad((9000-i*11)::text,4,'0')",
        "email": "'mail.to.'||i||'@host.example'",
        "card": "'5200-2828-2828-'||lpad((9000-i*3)::text,4,'0')",
        "dob": "date '1999-12-31'-i*41",
        "notes": "'memo '||i||' no. '||(300000-i*17)",
        "vip": "'xip.em@hst.example','312-99-8888','5999-9999-9999-9991','1988-08-08','vip memo no. 311111'",
        "person": "lpad((899-i)::text,3,'0')||'-44-4321'",
        "gen": "'222-33-4444'",
        "phone": "'+47'||(92340000+i*6007)||lpad((i%100)::text,2,'0')",
        "contact": "'ulla'||(900-i)||'.post@corp.example'",
    },
}
FILL: Final = """
INSERT INTO customers SELECT i, 'name'||i, {email}, {ssn}, {card}, {dob}, {notes} FROM generate_series(1,200) i;
INSERT INTO orders SELECT i, (i%200)+1, i*1.5, 'memo '||i FROM generate_series(1,400) i;
INSERT INTO customers_vip VALUES (9001,'vip',{vip},1);
INSERT INTO people SELECT i, {person}, CASE WHEN i%2=0 THEN 'eu' ELSE 'us' END FROM generate_series(1,20) i;
INSERT INTO gen(id,ssn) VALUES (1,{gen});
INSERT INTO members SELECT i, 'member'||i, {contact}, {phone}, {ssn} FROM generate_series(1,40) i;
INSERT INTO shadow.customers SELECT i, 'shade'||i, 'none', '000-00-0000', 'none', date '2000-01-01', 'none'
  FROM generate_series(1,40) i;
INSERT INTO public.places SELECT i, 'place '||i FROM generate_series(1,10) i;
INSERT INTO shadow.places SELECT i, 'shadow '||i FROM generate_series(1,10) i;
REFRESH MATERIALIZED VIEW mv_customers;
"""
WHERE: Final = (
    *(
        (f"customers.{column}", f"SELECT {column} FROM customers")
        for column in ("ssn", "email", "card", "dob", "notes")
    ),
    ("people.ssn", "SELECT ssn FROM people"),
    ("gen.ssn", "SELECT ssn FROM gen"),
    ("members.phone", "SELECT phone FROM members"),
    ("members.email", "SELECT email FROM members"),
)


def create(server: EmbeddedServer, setup: Sequence[str] = ()) -> None:
    """The roles and the twins, with what `setup` makes in both. Once per server."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE agent LOGIN PASSWORD {}").format(sql.Literal(PASSWORD)))
        connection.execute("CREATE ROLE owner_role NOLOGIN")
        for role in (AGENT, server.user):
            # The trees go to the server's log too, unless it is told not to keep them (DESIGN 3).
            connection.execute(sql.SQL("ALTER ROLE {} SET log_min_messages = fatal").format(sql.Identifier(role)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        with psycopg.connect(server.conninfo(TEMPLATE), autocommit=True) as inside:
            available = {name for (name,) in inside.execute("SELECT name FROM pg_available_extensions")}
            for name in (name for name in EXTENSIONS if name in available):
                inside.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))
            inside.execute((HERE / "schema.sql").read_bytes())
            for text in setup:
                inside.execute(text.encode())
        for name in (LEAK, TWIN):
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
            )
            connection.execute(sql.SQL("GRANT CREATE, TEMP ON DATABASE {} TO agent").format(sql.Identifier(name)))
            with psycopg.connect(server.conninfo(name), autocommit=True) as inside:
                inside.execute(FILL.format(**SECRETS[name]).encode())
                inside.execute("VACUUM ANALYZE")


def secrets_of(server: EmbeddedServer, database: str) -> Secrets:
    """Every labelled value of `database`."""
    with psycopg.connect(server.conninfo(database), autocommit=True) as connection:
        return Secrets({place: [row[0] for row in connection.execute(query.encode())] for place, query in WHERE})


@dataclass
class World:
    """A server with the twins, and a proxy in front of them that logs in upstream as `role`."""

    server: EmbeddedServer
    role: str
    mode: str
    port: int
    web: str
    audit: Path
    secrets: Mapping[str, Secrets]
    _people: list[Approver] = field(default_factory=list)

    @property
    def major(self) -> int:
        return int(self.server.version.split(".")[0])

    def client(self, database: str = LEAK, parameters: Sequence[tuple[str, str]] = ()) -> Client:
        """A session through the proxy; what is held is cancelled unless its `on_held` is set to something else."""
        return Client(self.port, database, AGENT, PASSWORD, parameters)

    def direct(self, database: str = LEAK, parameters: Sequence[tuple[str, str]] = ()) -> Client:
        """A session past the proxy, as its own upstream login."""
        return Client(self.server.port, database, self.role, PASSWORD, parameters)

    def approve(self, _client: Client, request: str) -> None:
        """A person says yes."""
        answer = self._people[0].approve(request, "corpus")
        assert answer.status == 200, answer.body

    def reject(self, _client: Client, request: str) -> None:
        """A person says no."""
        answer = self._people[0].reject(request, "corpus")
        assert answer.status == 200, answer.body


@contextmanager
def proxied(
    server: EmbeddedServer,
    directory: Path,
    mode: str,
    *,
    role: str = AGENT,
    databases: Sequence[str] = (LEAK, TWIN),
    policy: str | None = None,
    more: str = "",
) -> Iterator[World]:
    """A proxy in front of the twins, or of other databases, with `attestation: mode`; `more` is configuration."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    verifier = make_verifier(PASSWORD, os.urandom(16))
    text = (HERE / "policy.yaml").read_text(encoding="utf-8") if policy is None else policy
    (directory / "policy.yaml").write_text(text, encoding="utf-8")
    (directory / "principals.yaml").write_text(PRINCIPALS.format(hash=hashed, verifier=verifier), encoding="utf-8")
    path = directory / "pgmaskproxy.yaml"
    path.write_text(
        CONFIG.format(
            host=HOST,
            port=server.port,
            role=role,
            attestation=mode,
            databases=", ".join(databases),
            directory=directory,
        )
        + more,
        encoding="utf-8",
    )
    config = load_config(path, {})
    secrets = {name: secrets_of(server, name) for name in databases if name in SECRETS}
    with _thread(config) as ports:
        web = f"http://{HOST}:{ports.web}"
        with Approver(web, PERSON, PASSWORD) as bob:
            yield World(server, role, mode, ports.proxy, web, config.audit.directory, secrets, [bob])


_VARIES: Final = re.compile(rb"(?:apr|ses|stm|evt)_[0-9a-f]{32}|pg_(?:toast_)?temp_[0-9]+")


def comparable(data: bytes) -> bytes:
    """Frames a client was sent, but for what differs between two sessions anyway, and so without their lengths."""
    found, position = [], 0
    while position < len(data):
        length = int.from_bytes(data[position + 1 : position + 5], "big")
        body = data[position + 5 : position + 1 + length]
        found.append(
            data[position : position + 1] + _VARIES.sub(b"(varies)", body).replace(TWIN.encode(), LEAK.encode())
        )
        position += 1 + length
    return b"\n".join(found)
