"""The settings of the two sides: where clients connect, and the server, with the encryption of each."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from pgmaskproxy.config_types import Databases, FilePath, Port, Rights, Section

SslMode = Literal["disable", "require", "verify-ca", "verify-full"]
"""libpq's, without `allow` and `prefer`: whoever is in between decides what those come to."""


class ListenTls(Section):
    """TLS to clients. The files are read again when they change, without a restart."""

    cert: FilePath = Field(description="The certificate and those below its root, PEM.")
    key: FilePath = Field(description="Its private key, PEM, which nobody else may read.")
    key_password: SecretStr | None = Field(default=None, description="What the key is encrypted with, if it is.")
    client_ca: FilePath | None = Field(
        default=None,
        description="Roots, PEM, of clients' certificates: a client may show one, and logs in by it where "
        "principals.yaml says which is whose.",
    )
    client_crl: FilePath | None = Field(
        default=None, description="Revocation lists, PEM, of all that issue clients' certificates."
    )
    require: bool = Field(
        default=False,
        description="Refuse logins without TLS (28000), but for those by the Unix socket. Cancel requests, which hold "
        "nothing but a key, may still come without: older drivers know no other way.",
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.client_crl is not None and self.client_ca is None:
            raise PydanticCustomError("crl", "client_crl is for clients' certificates, and there is no client_ca")
        return self


class Listen(Section):
    """Where clients connect."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.", min_length=1)
    port: Port = Field(default=6432, description="Port to listen on; 0 takes a free one.")
    unix_socket_directory: FilePath | None = Field(
        default=None, description="Listen on a Unix socket in this directory too, named `.s.PGSQL.` and the port."
    )
    unix_socket_permissions: Annotated[str, Field(pattern=r"^0?[0-7]{3}$")] = Field(
        default="0770", description="Of that socket, in octal: who may connect to it."
    )
    tls: ListenTls | None = Field(default=None, description="TLS to clients; without it there is none.")


class Upstream(Section):
    """The PostgreSQL behind the proxy."""

    host: str = Field(default="127.0.0.1", description="Its address, or its socket's directory.", min_length=1)
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=5432, description="Its port.")
    user: str = Field(description="The role the proxy logs in as; never a superuser.", min_length=1)
    password: SecretStr | None = Field(
        default=None, description="Its password, best as ${file:/run/secrets/upstream}; none for trust and peer."
    )
    sslmode: SslMode | None = Field(
        default=None,
        description="disable; require: encrypted, to whoever answers; verify-ca: to whoever has a certificate of "
        "sslrootcert's; verify-full: and in this host's name. Where nothing is said: verify-full, but disable to this "
        "machine itself where there is no sslrootcert either.",
    )
    sslrootcert: FilePath | Literal["system"] | None = Field(
        default=None, description="Roots, PEM, of the server's certificate; `system`, or nothing, for the system's."
    )
    sslcert: FilePath | None = Field(default=None, description="The role's own certificate, PEM.")
    sslkey: FilePath | None = Field(default=None, description="And its key, PEM, which nobody else may read.")
    sslnegotiation: Literal["postgres", "direct"] = Field(
        default="postgres", description="direct: begin with TLS, which PostgreSQL 17 and later take."
    )
    channel_binding: Literal["disable", "prefer", "require"] = Field(
        default="prefer",
        description="SCRAM-SHA-256-PLUS: never, where the server offers it, or no login without. It proves that TLS "
        "ends at who knows the password's verifier, also where no certificate is verified.",
    )
    attestation: Literal["required", "preferred", "off"] = Field(
        default="required",
        description="required: the server prints its own tree of every statement to the proxy, which decides by that; "
        "without one nothing runs. preferred: where no tree comes, by the statement's text alone, which is stricter "
        "and proves less. off: always by the text, as behind a pooler that refuses start-up parameters.",
    )
    accept_trees_in_server_log: bool = Field(
        default=False,
        description="Let `check` pass a role whose log_min_messages is below fatal: every statement's tree, with its "
        "literals, is then written to the server's log.",
    )
    accept_role: Rights = Field(
        default=(),
        description="Rights that the role should not have and that `check` only warns of: superuser, createrole, "
        "replication, bypassrls, owner (of a relation with labelled columns), or a role of PostgreSQL's own "
        "(pg_read_all_data).",
    )
    databases: Databases = Field(
        description="Databases that clients may ask for: a list, or a mapping of the client's name to the server's."
    )

    @property
    def by_socket(self) -> bool:
        """Whether `host` is a Unix socket's directory."""
        return self.host.startswith("/")

    @property
    def tls(self) -> SslMode:
        """The sslmode in force."""
        if self.sslmode is not None:
            # As libpq: who gives roots wants them used.
            return "verify-ca" if self.sslmode == "require" and self.sslrootcert is not None else self.sslmode
        return "disable" if self.sslrootcert is None and is_here(self.host) else "verify-full"

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.sslcert is None) != (self.sslkey is None):
            raise PydanticCustomError("tls", "sslcert and sslkey are of use only together")
        needing = [name for name in ("sslrootcert", "sslcert") if getattr(self, name) is not None]
        needing += ["sslnegotiation: direct"] if self.sslnegotiation == "direct" else []
        needing += ["channel_binding: require"] if self.channel_binding == "require" else []
        if needing and (self.tls == "disable" or self.by_socket):
            where = "a Unix socket has no TLS" if self.by_socket else "there is no TLS: say sslmode"
            raise PydanticCustomError("tls", f"{needing[0]} is for TLS, and {where}")
        if self.tls == "verify-ca" and not isinstance(self.sslrootcert, Path):
            raise PydanticCustomError(
                "tls", "verify-ca by the system's roots would take anybody with a certificate: name sslrootcert"
            )
        if self.by_socket and self.tls != "disable":
            raise PydanticCustomError("tls", "a Unix socket has no TLS: sslmode can only be disable")
        return self


def is_here(host: str) -> bool:
    """Whether what is sent to `host` never leaves this machine."""
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
