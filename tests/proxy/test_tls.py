"""TLS in memory: whatever the pieces, the same bytes; and what a channel is bound to."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgmaskproxy.config_peers import ListenTls, Upstream
from pgmaskproxy.proxy.certificates import Served, upstream_context
from pgmaskproxy.proxy.tls import ALPN, TlsStream, end_point
from tests.harness.certificates import Authority, Issued


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.server()


def pair(authority: Authority, issued: Issued, host: str = "localhost") -> tuple[TlsStream, TlsStream]:
    """Both ends, as the proxy makes them."""
    settings = ListenTls(cert=issued.cert, key=issued.key)
    upstream = Upstream.model_validate({"user": "u", "databases": ["d"], "host": host, "sslrootcert": authority.root})
    context = upstream_context(upstream)
    assert context is not None
    server = TlsStream(Served(settings).context, server_side=True)
    return TlsStream(context, server_side=False, hostname=host), server


def agree(client: TlsStream, server: TlsStream) -> None:
    client.begin()
    while not (client.established and server.established):
        server.received(client.outgoing)
        client.received(server.outgoing)


def test_they_agree_on_the_protocol_and_not_on_an_old_version(authority: Authority, issued: Issued) -> None:
    client, server = pair(authority, issued)
    agree(client, server)
    assert (client.version, server.version) == ("TLSv1.3", "TLSv1.3")
    assert (client.alpn, server.alpn) == (ALPN, ALPN)
    assert client.peer_certificate == issued.der
    assert server.peer_certificate is None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(st.binary(max_size=70_000), max_size=5),
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
)
def test_any_pieces_say_the_same(authority: Authority, issued: Issued, said: list[bytes], cuts: list[int]) -> None:
    client, server = pair(authority, issued)
    agree(client, server)
    for each in said:
        client.write(each)
    wire, heard, at, turn = client.outgoing, [], 0, 0
    while at < len(wire):
        size = cuts[turn % len(cuts)]
        heard += server.received(wire[at : at + size])
        at, turn = at + size, turn + 1
    assert b"".join(heard) == b"".join(said)


def test_a_large_value_goes_through_whole(authority: Authority, issued: Issued) -> None:
    client, server = pair(authority, issued)
    agree(client, server)
    server.write(bytes(3_000_001))
    assert sum(map(len, client.received(server.outgoing))) == 3_000_001


def test_another_name_than_the_certificate_s_is_refused_before_a_word(authority: Authority) -> None:
    client, server = pair(authority, authority.server("other", "db.internal"))
    client.begin()
    server.received(client.outgoing)
    with pytest.raises(ssl.SSLCertVerificationError):
        client.received(server.outgoing)
    assert not client.established
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        server.received(client.outgoing)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x00\x05hello", b"\x16" * 100, b"\0\0\0\x08\x04\xd2\x16\x2f"])
def test_what_is_not_tls_is_an_error_and_never_plain_text(authority: Authority, issued: Issued, garbage: bytes) -> None:
    _, server = pair(authority, issued)
    with pytest.raises(ssl.SSLError):
        server.received(garbage)


def test_a_changed_byte_is_an_error(authority: Authority, issued: Issued) -> None:
    client, server = pair(authority, issued)
    agree(client, server)
    client.write(b"SELECT 1")
    wire = bytearray(client.outgoing)
    wire[-1] ^= 1
    with pytest.raises(ssl.SSLError, match=r"(?i)mac|decrypt"):
        server.received(bytes(wire))


def test_the_end_is_said_before_the_connection_is_closed(authority: Authority, issued: Issued) -> None:
    client, server = pair(authority, issued)
    agree(client, server)
    client.write(b"last")
    client.end()
    assert server.received(client.outgoing) == [b"last"]
    assert server.received(b"") == []
    fresh, _ = pair(authority, issued)
    fresh.end()  # before anything was agreed there is nothing to end
    assert fresh.outgoing == b""


def test_behind_the_peer_s_end_nothing_piles_up_and_nothing_is_said(authority: Authority, issued: Issued) -> None:
    client, server = pair(authority, issued)
    agree(client, server)
    client.end()
    assert server.received(client.outgoing) == []
    assert server.ended
    for _ in range(10):
        assert server.received(bytes(100_000)) == []
    assert server._in.pending == 0
    server.write(b"too late")
    fresh, _ = pair(authority, issued)
    fresh.write(b"too early")
    assert fresh.outgoing == b""


def test_old_versions_are_not_spoken(authority: Authority, issued: Issued) -> None:
    _, server = pair(authority, issued)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(authority.root)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    client = TlsStream(old, server_side=False, hostname="localhost")
    client.begin()
    with pytest.raises(ssl.SSLError, match=r"(?i)version|protocol"):
        server.received(client.outgoing)


# --- tls-server-end-point


def test_a_channel_is_bound_by_the_hash_of_the_certificate_s_signature(issued: Issued) -> None:
    assert end_point(issued.der) == hashlib.sha256(issued.der).digest()


@pytest.mark.parametrize(("algorithm", "name"), [(hashes.SHA384(), "sha384"), (hashes.SHA512(), "sha512")])
def test_by_a_stronger_one_where_it_has_one(
    tmp_path: Path, issued: Issued, algorithm: hashes.HashAlgorithm, name: str
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    certificate = issued.certificate
    again = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .sign(key, algorithm)  # type: ignore[arg-type]
    )
    der = again.public_bytes(serialization.Encoding.DER)
    assert end_point(der) == hashlib.new(name, der).digest()


def test_an_ed25519_certificate_has_nothing_to_bind_to(tmp_path: Path) -> None:
    assert end_point(Authority(tmp_path, kind="ed25519").server().der) is None
