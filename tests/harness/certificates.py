"""An authority for tests, and what it issues: certificates of servers and of clients, and a list of those revoked."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Kind = Literal["ec", "rsa", "ed25519"]
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, in files."""

    cert: Path
    key: Path
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


class Authority:
    """Issues certificates into `directory`. `root` is its own, PEM."""

    def __init__(self, directory: Path, name: str = "authority", kind: Kind = "ec") -> None:
        self.directory = directory
        self._key = _key(kind)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, _hash(self._key))
        )
        self.root = directory / f"{name}.crt"
        self.root.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str = "server", *hosts: str, kind: Kind = "ec") -> Issued:
        """For a server that is called by these names and addresses: this machine's, unless said."""
        names = [_general(host) for host in hosts or ("localhost", "127.0.0.1")]
        return self._issue(name, x509.SubjectAlternativeName(names), ExtendedKeyUsageOID.SERVER_AUTH, kind)

    def client(self, name: str, *uris: str) -> Issued:
        """For a client whose common name is `name`."""
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris]) if uris else None
        return self._issue(name, names, ExtendedKeyUsageOID.CLIENT_AUTH, "ec")

    def revoke(self, *issued: Issued) -> Path:
        """The list of what is not good any more."""
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateRevocationListBuilder(self._name, now - DAY, now + DAY)
        for each in issued:
            revoked = x509.RevokedCertificateBuilder(each.certificate.serial_number, now - DAY).build()
            builder = builder.add_revoked_certificate(revoked)
        path = self.directory / "revoked.crl"
        path.write_bytes(builder.sign(self._key, _hash(self._key)).public_bytes(serialization.Encoding.PEM))
        return path

    def _issue(
        self, name: str, names: x509.SubjectAlternativeName | None, use: x509.ObjectIdentifier, kind: Kind
    ) -> Issued:
        key = _key(kind)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "The Shop"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        builder = self._builder(subject, key).add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, _hash(self._key))
        cert, private = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.touch(0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Issued(cert, private, certificate)

    def _builder(self, subject: x509.Name, key: CertificateIssuerPrivateKeyTypes) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
        )


def encrypted(issued: Issued, password: str) -> Path:
    """Its key once more, under a password."""
    key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    path = issued.key.with_suffix(".encrypted")
    path.touch(0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
    )
    return path


def _key(kind: Kind) -> CertificateIssuerPrivateKeyTypes:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def _hash(key: CertificateIssuerPrivateKeyTypes) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
