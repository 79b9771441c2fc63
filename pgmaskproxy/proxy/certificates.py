"""Certificates in files -> what TLS is spoken with, on either side, and whose certificate a client has shown.

TLS 1.2 and later, with OpenSSL's own choice of ciphers. No session tickets and no compression, as PostgreSQL's server
has none. (OpenSSL still resumes a TLS 1.2 session by its id for some minutes, with the certificate it began with.)
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pgmaskproxy.config_peers import ListenTls, Upstream
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.policy.principals import Certificate
from pgmaskproxy.proxy.tls import ALPN, end_point

BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep their roots in one file: Debian, Red Hat, SUSE, Alpine and macOS. libpq takes only a file."""


@final
class Served:
    """What clients are served with, as the files were when they were read."""

    def __init__(self, settings: ListenTls) -> None:
        _keep(settings.key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _harden(self.context)
        self.context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
        self.context.num_tickets = 0
        password = settings.key_password.get_secret_value() if settings.key_password is not None else ""
        _load_pair(self.context, settings.cert, settings.key, password)
        certificate = _leaf(settings.cert)
        self.binding = end_point(certificate.public_bytes(Encoding.DER))
        """Of tls-server-end-point."""
        self.not_after = certificate.not_valid_after_utc.timestamp()
        """When the certificate ends, in seconds since 1970."""
        if settings.client_ca is not None:
            _load_roots(self.context, settings.client_ca)
            self.context.verify_mode = ssl.CERT_OPTIONAL
        if settings.client_crl is not None:
            _load_roots(self.context, settings.client_crl)
            self.context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


@final
class ServerCertificates:
    """The same as the files are now: looked at for each connection, and read when they have changed.

    `failed` is told why they cannot be read, once for each change; what was read before is used on. Raises ConfigError
    when they cannot be read at the start.
    """

    def __init__(self, settings: ListenTls, read: Callable[[Served], None], failed: Callable[[str], None]) -> None:
        self._settings = settings
        self._read = read
        self._failed = failed
        self._files = [settings.cert, settings.key, settings.client_ca, settings.client_crl]
        self._seen = self._look()
        self._served = Served(settings)
        self.required = settings.require
        """Whether who comes by TCP has to use it."""
        read(self._served)

    def now(self) -> Served:
        """For a connection that begins now."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._served = Served(self._settings)
            except ConfigError as error:
                # Perhaps one file of two is written so far: the next connection looks again.
                self._failed("; ".join(f"{each.file}: {each.message}" for each in error.problems))
            else:
                self._read(self._served)
        return self._served

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_identity(path) for path in self._files if path is not None)


def upstream_context(upstream: Upstream) -> ssl.SSLContext | None:
    """What the server is spoken to with; None where that is not TLS. Raises ConfigError."""
    mode = upstream.tls
    if mode == "disable":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    else:
        roots = root_file(upstream)
        assert roots is not None
        _load_roots(context, roots)
    if upstream.sslcert is not None and upstream.sslkey is not None:
        _keep(upstream.sslkey)
        _load_pair(context, upstream.sslcert, upstream.sslkey, "")
    return context


def root_file(upstream: Upstream) -> Path | None:
    """The roots that the server's certificate is held against; None where it is not. Raises ConfigError."""
    if upstream.tls in {"disable", "require"}:
        return None
    if isinstance(upstream.sslrootcert, Path):
        return upstream.sslrootcert
    paths = ssl.get_default_verify_paths()
    for each in (os.environ.get(paths.openssl_cafile_env), paths.cafile, *BUNDLES):
        if each and Path(each).is_file():
            return Path(each)
    raise ConfigError(
        [Problem("this system keeps no file of root certificates", hint="name one: upstream.sslrootcert")]
    )


def shows(certificate: bytes, wanted: Certificate) -> bool:
    """Whether a certificate (DER), which is verified, is the one `wanted`, in everything that is said of that."""
    found = x509.load_der_x509_certificate(certificate)
    if wanted.cn is not None:
        # Who has several may have been let add one.
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if len(names) != 1 or names[0].value != wanted.cn:
            return False
    if wanted.dn is not None and found.subject.rfc4514_string() != wanted.dn:
        return False
    if wanted.uri is not None and wanted.uri not in _uris(found):
        return False
    return wanted.sha256 is None or found.fingerprint(SHA256()).hex() == wanted.sha256


def _uris(certificate: x509.Certificate) -> list[str]:
    """The URIs among its alternative names: SPIFFE's, for one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([ALPN])


def _leaf(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _load_pair(context: ssl.SSLContext, cert: Path, key: Path, password: str) -> None:
    # Without a password OpenSSL would ask at the terminal, if there is one.
    _leaf(cert)
    try:
        context.load_cert_chain(cert, key, password=password)
    except ssl.SSLError as error:
        what = "is not the key of this certificate" if error.reason == "KEY_VALUES_MISMATCH" else "cannot be read"
        hint = "a key that is encrypted needs its password" if what == "cannot be read" else f"the certificate: {cert}"
        raise ConfigError([Problem(f"{what} ({error.reason or 'not PEM'})", str(key), hint=hint)]) from None
    except OSError as error:
        raise _unreadable(key, error) from None


def _load_roots(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ConfigError:
    why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "not PEM"
    return ConfigError([Problem(f"cannot be read: {why}", str(path))])


def _keep(key: Path) -> None:
    """A private key is nobody else's to read: PostgreSQL and libpq insist on the same."""
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise _unreadable(key, error) from None
    if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
        raise ConfigError(
            [Problem("is a private key and everybody may read or write it", str(key), hint="chmod o-rwx")]
        )


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
