"""Certificates in files: read again when they change, kept when what is new is no good; and whose is whose."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pgmaskproxy.config_peers import ListenTls, Upstream
from pgmaskproxy.errors import ConfigError
from pgmaskproxy.policy.principals import Certificate
from pgmaskproxy.proxy.certificates import Served, ServerCertificates, root_file, shows, upstream_context
from pgmaskproxy.proxy.tls import end_point
from tests.harness.certificates import Authority, Issued


class Told:
    """What a ServerCertificates says."""

    def __init__(self, issued: Issued) -> None:
        self.read: list[Served] = []
        self.failed: list[str] = []
        self.certificates = ServerCertificates(
            ListenTls(cert=issued.cert, key=issued.key), self.read.append, self.failed.append
        )


def replaced(path: Path, content: bytes) -> None:
    """As renewals do: another file in its place."""
    new = path.with_suffix(".new")
    new.touch(0o600)
    new.write_bytes(content)
    new.replace(path)


def test_new_files_are_read_for_the_next_connection_and_not_before(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued, again = authority.server(), authority.server("again")
    told = Told(issued)
    first = told.certificates.now()
    assert told.certificates.now() is first
    assert first.binding == end_point(issued.der)
    replaced(issued.cert, again.cert.read_bytes())
    assert told.certificates.now() is first, "its key is not there yet"
    assert "is not the key of this certificate" in told.failed[0]
    assert told.certificates.now() is first
    assert len(told.failed) == 1, "said once"
    replaced(issued.key, again.key.read_bytes())
    assert told.certificates.now().binding == end_point(again.der)
    assert told.read == [first, told.certificates.now()]


def test_files_that_vanish_change_nothing(tmp_path: Path) -> None:
    issued = Authority(tmp_path).server()
    told = Told(issued)
    first = told.certificates.now()
    issued.cert.unlink()
    assert told.certificates.now() is first
    assert "No such file" in told.failed[0]


def test_without_good_files_there_is_no_start(tmp_path: Path) -> None:
    issued = Authority(tmp_path).server()
    shutil.copy(issued.cert, issued.key)
    with pytest.raises(ConfigError):
        Told(issued)


@pytest.mark.parametrize(
    ("wanted", "is_it"),
    [
        (Certificate(cn="agent"), True),
        (Certificate(cn="Agent"), False),
        (Certificate(cn="agent", dn="CN=agent,O=The Shop"), True),
        (Certificate(cn="agent", dn="CN=agent,O=Another Shop"), False),
        (Certificate(uri="spiffe://shop/agent"), True),
        (Certificate(uri="spiffe://shop/agent/"), False),
        (Certificate(uri="spiffe://shop/agent", cn="other"), False),
        (Certificate(sha256="0" * 64), False),
    ],
)
def test_all_that_is_said_has_to_be_so(tmp_path: Path, wanted: Certificate, is_it: bool) -> None:
    assert shows(Authority(tmp_path).client("agent", "spiffe://shop/agent").der, wanted) is is_it


def test_a_certificate_without_names_besides_has_no_uri(tmp_path: Path) -> None:
    assert not shows(Authority(tmp_path).client("agent").der, Certificate(uri="spiffe://shop/agent"))


def test_who_has_two_common_names_has_none(tmp_path: Path) -> None:
    """One of them may be what the requester was let add."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("agent", "admin")])
    issued = Authority(tmp_path).client("agent").certificate
    builder = x509.CertificateBuilder(names, names, key.public_key(), 1).not_valid_before(issued.not_valid_before_utc)
    both = builder.not_valid_after(issued.not_valid_after_utc).sign(key, hashes.SHA256())
    der = both.public_bytes(serialization.Encoding.DER)
    assert not shows(der, Certificate(cn="admin"))
    assert not shows(der, Certificate(cn="agent"))


def upstream(**more: object) -> Upstream:
    return Upstream.model_validate({"user": "p", "databases": ["shop"], "host": "db.internal", **more})


def test_the_server_s_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Authority(tmp_path).root
    assert root_file(upstream(sslrootcert=root)) == root
    assert root_file(upstream(sslmode="require")) is None
    assert root_file(upstream(sslmode="disable")) is None
    assert upstream_context(upstream(sslmode="disable")) is None
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    assert root_file(upstream()) == root
    assert root_file(upstream(sslrootcert="system")) == root
    with pytest.raises(ConfigError, match="cannot be read"):
        upstream_context(upstream(sslrootcert=tmp_path / "none"))
