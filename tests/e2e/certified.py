"""A proxy with TLS before PostgreSQL 18, and who has certificates there."""

from __future__ import annotations

from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.hashes import SHA256
from psycopg.conninfo import make_conninfo

from pgmaskproxy.demo.server import HOST
from pgmaskproxy.wire.scram import make_verifier
from tests.harness.certificates import Authority, Issued
from tests.harness.proxy import Proxy

PASSWORD = "a client's password"
USERS = """
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - {{id: alice, groups: [dba], identities: {{database: alice}}}}
users:
  - {{name: agent, kind: agent, owner: alice, groups: [agents], verifier: "{verifier}"}}
  - {{name: by-cn, kind: agent, owner: alice, groups: [agents], certificate: {{cn: by-cn}}}}
  - {{name: by-dn, kind: agent, owner: alice, groups: [agents], certificate: {{dn: "CN=by-dn,O=The Shop"}}}}
  - {{name: by-uri, kind: agent, owner: alice, groups: [agents], certificate: {{uri: "spiffe://shop/by-uri"}}}}
  - {{name: by-print, kind: agent, owner: alice, groups: [agents], certificate: {{sha256: "{sha256}"}}}}
  - {{name: by-both, kind: agent, owner: alice, groups: [agents], certificate: {{cn: by-both}}, verifier: "{verifier}"}}
  - {{name: revoked, kind: agent, owner: alice, groups: [agents], certificate: {{cn: revoked}}}}
"""


class Certified:
    """The files; `proxy` is set once it runs."""

    proxy: Proxy

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.server = self.authority.server()
        self.clients = {name: self.authority.client(name) for name in ("by-cn", "by-dn", "by-both", "revoked")}
        self.clients["by-uri"] = self.authority.client("someone", "https://shop/", "spiffe://shop/by-uri")
        self.clients["by-print"] = self.authority.client("whoever")
        self.principals = directory / "who.yaml"
        sha256 = self.clients["by-print"].certificate.fingerprint(SHA256()).hex()
        verifier = str(make_verifier(PASSWORD, b"salt" * 4))
        self.principals.write_text(USERS.format(verifier=verifier, sha256=sha256), encoding="utf-8")

    def overrides(self, **more: str | int | bool) -> dict[str, str | int | bool]:
        """What makes a proxy one with TLS, which it requires."""
        return {
            "listen.tls.cert": str(self.server.cert),
            "listen.tls.key": str(self.server.key),
            "listen.tls.client_ca": str(self.authority.root),
            "listen.tls.client_crl": str(self.authority.revoke(self.clients["revoked"])),
            "listen.tls.require": True,
            "principals": str(self.principals),
            **more,
        }

    def connect(self, user: str = "agent", shows: Issued | None = None, **more: str | int) -> psycopg.Connection:
        """By libpq, at sslmode=verify-full unless said, past the tap: what it would see is not to be read."""
        given: dict[str, str | int] = {"password": PASSWORD, "sslmode": "verify-full", **more}
        if given["sslmode"] in {"verify-ca", "verify-full"}:
            given = {"sslrootcert": str(self.authority.root), **given}
        if shows is not None:
            given = {"sslcert": str(shows.cert), "sslkey": str(shows.key), **given}
        where = make_conninfo("", host=HOST, port=self.proxy.port, user=user, dbname=self.proxy.database.name)
        return psycopg.connect(make_conninfo(where, **given), autocommit=True)
