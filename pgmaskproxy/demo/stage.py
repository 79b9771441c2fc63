"""What the demo plays on: a PostgreSQL with the shop in it, and the files an operator would write."""

from __future__ import annotations

import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Final

import psycopg
from argon2 import PasswordHasher
from psycopg import sql

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import HOST, EmbeddedServer
from pgmaskproxy.errors import Unavailable
from pgmaskproxy.keyring.document import NO_DOCUMENT
from pgmaskproxy.keyring.file import change_file
from pgmaskproxy.keyring.making import added, first
from pgmaskproxy.mask.keys import DEFAULT_KEY
from pgmaskproxy.wire.scram import make_verifier

AGENT: Final = "agent"
OWNER: Final = "alice"
SECOND: Final = "bob"

CONFIG: Final = """\
apiVersion: pgmaskproxy/v1
kind: Config
listen: {{host: {host}, port: {port}}}
upstream:
  host: "{upstream.host}"
  port: {upstream.port}
  user: {upstream.user}
  password: "${{file:upstream.password}}"
  databases: [{upstream.database}]
policies: [policies/default.yaml]
principals: principals.yaml
state: "sqlite:///{directory}/state.db"
audit: {{directory: audit}}
keys: {{directory: keys}}
web: {{host: {host}, port: {web_port}}}
metrics: {{host: {host}, port: {metrics_port}}}
"""

CHANNEL: Final = """\
channels:
  dba-room: {{kind: teams, url: "{flow}", groups: [dba]}}   # a stand-in; in earnest the address of a flow, in a file
"""

PRINCIPALS: Final = """\
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - {{id: {owner}, groups: [dba], password: "{owner_hash}"}}
  - {{id: {second}, groups: [dba], password: "{second_hash}"}}
users:
  - name: {agent}
    kind: agent
    owner: {owner}          # may never approve what her agent asks
    groups: [agents]
    verifier: "{verifier}"
"""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The PostgreSQL behind the proxy."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    admin: str = field(repr=False)
    """A superuser's conninfo to the same database: the demo's own eyes, never the agent's."""
    version: str
    psql: str = "psql"
    """How to call psql here: the server's own where there is none on the path."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Generated anew for every demo; they are worth nothing when it has ended."""

    agent: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    owner: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    second: str = field(default_factory=lambda: secrets.token_urlsafe(9))


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the proxy's three listeners are; 0 takes a free port."""

    proxy: int
    web: int
    metrics: int


def usable(ports: Ports) -> Ports:
    """`ports`, if they are free; raises `Unavailable` naming the flag that chooses another.

    Nobody needs the demo's metrics, so a taken port for them becomes a free one.
    """
    for flag, port in (("--port", ports.proxy), ("--web-port", ports.web)):
        if error := _why_taken(port):
            raise Unavailable(
                f"port {port} cannot be used: {error}",
                detail=f"{HOST}:{port}",
                hint=f"choose another with {flag}, or stop what listens there",
            )
    return replace(ports, metrics=0) if _why_taken(ports.metrics) else ports


def _why_taken(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


@contextmanager
def embedded(bindir: Path | None) -> Iterator[Upstream]:
    """A throwaway server with the shop in it. Raises `Unavailable`."""
    password = secrets.token_urlsafe(18)
    with EmbeddedServer(bindir) as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(shop.DATABASE)))
        admin = server.conninfo(shop.DATABASE)
        _fill(admin, password)
        psql = "psql" if shutil.which("psql") else str(server.bindir / "psql")
        yield Upstream(server.host, server.port, shop.ROLE, password, shop.DATABASE, admin, server.version, psql)


@contextmanager
def existing(conninfo: str) -> Iterator[Upstream]:
    """The shop in a database of its own on a server that is there already; dropped at the end.

    `conninfo` is a superuser's, since the shop makes two roles. Nothing that exists is touched: where the database or
    a role of its name is there, `Unavailable` says so.
    """
    password = secrets.token_urlsafe(18)
    database = sql.Identifier(shop.DATABASE)
    try:
        connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(f"the server cannot be reached: {error}") from error
    with connection:
        _require_untouched(connection)
        info = connection.info
        version = str(info.parameter_status("server_version"))
        admin = psycopg.conninfo.make_conninfo(conninfo, dbname=shop.DATABASE)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
        try:
            _fill(admin, password)
            yield Upstream(info.host, info.port, shop.ROLE, password, shop.DATABASE, admin, version)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
            for role in (shop.ROLE, shop.OWNER):
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _require_untouched(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "SELECT rolsuper, EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s),"
        " (SELECT string_agg(rolname, ', ') FROM pg_catalog.pg_roles WHERE rolname = ANY (%s))"
        " FROM pg_catalog.pg_roles WHERE rolname = current_user",
        (shop.DATABASE, [shop.ROLE, shop.OWNER]),
    ).fetchone()
    superuser, database, roles = row if row is not None else (False, False, None)
    if not superuser:
        raise Unavailable("the demo needs a superuser's login to make its database and its two roles")
    if database:
        raise Unavailable(f'there is a database "{shop.DATABASE}" already, which the demo will not touch')
    if roles:
        raise Unavailable(f"there is a role of the demo's name already, which it will not touch: {roles}")


def _fill(admin: str, password: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        shop.load(connection)
        shop.set_password(connection, password)


def write_files(directory: Path, upstream: Upstream, passwords: Passwords, ports: Ports, flow: str = "") -> Path:
    """Write configuration, principals, policy and a key into `directory`; returns pgmaskproxy.yaml.

    `flow` is where the cards for Teams are posted, '' for nowhere.
    """
    secret = directory / "upstream.password"
    secret.touch(mode=0o600)
    secret.write_text(upstream.password, encoding="ascii")
    policies = directory / "policies"
    policies.mkdir()
    with resources.as_file(resources.files("pgmaskproxy").joinpath("policies", "default.yaml")) as packaged:
        shutil.copyfile(packaged, policies / "default.yaml")
    # For every mask that a visitor may want to try.
    keys = directory / "keys" / "masking.keys"
    change_file(keys, lambda before: added(str(keys), before, first(NO_DOCUMENT, DEFAULT_KEY)))
    hasher = PasswordHasher()
    (directory / "principals.yaml").write_text(
        PRINCIPALS.format(
            owner=OWNER,
            second=SECOND,
            agent=AGENT,
            owner_hash=hasher.hash(passwords.owner),
            second_hash=hasher.hash(passwords.second),
            verifier=make_verifier(passwords.agent, secrets.token_bytes(16)),
        ),
        encoding="utf-8",
    )
    config = directory / "pgmaskproxy.yaml"
    config.write_text(
        CONFIG.format(
            host=HOST,
            port=ports.proxy,
            web_port=ports.web,
            metrics_port=ports.metrics,
            upstream=upstream,
            directory=directory,
        )
        + (CHANNEL.format(flow=flow) if flow else ""),
        encoding="utf-8",
    )
    return config
