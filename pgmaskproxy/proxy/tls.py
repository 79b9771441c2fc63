"""TLS over byte strings, for either side of the proxy, and what a channel is bound to.

OpenSSL by the standard library, in memory: what arrives is handed in, what is to be sent is taken out. So the first
bytes of a client may be looked at before anybody decides that they are TLS's (`sslnegotiation=direct`), which the event
loop's own TLS does not allow.
"""

from __future__ import annotations

import contextlib
import hashlib
import ssl
from typing import Final, final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import HashAlgorithm

ALPN: Final = "postgresql"
"""The protocol's name in ALPN (manual, 53.2.10): direct TLS must name it, so that a TLS connection that was meant for
another kind of server ends here."""
CLIENT_HELLO: Final = 0x16
"""The first byte of a TLS connection: the content type `handshake` (RFC 8446, 5.1). No start-up packet begins so."""
CHUNK: Final = 256 * 1024
"""Bytes that are read or written at a time."""


@final
class TlsStream:
    """One end of a TLS connection. The methods raise ssl.SSLError (an OSError) for whatever the peer does wrong.

    After each call `outgoing` is to be sent, also after one that raised: it may be the alert that says why.
    """

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, hostname: str | None = None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=server_side, server_hostname=hostname)
        self.established = False
        """The handshake is done; before that nothing can be written."""
        self.ended = False
        """One of the two has said that nothing more comes from it: the connection is of no more use."""

    def begin(self) -> None:
        """Send the first bytes: the client's side only."""
        self._shake_hands()

    def received(self, data: bytes) -> list[bytes]:
        """What `data`, and what came before it, says in plain text. What comes behind the peer's close_notify is
        dropped: OpenSSL reads no further, and it would pile up."""
        if self.ended:
            return []
        self._in.write(data)
        if not self.established and not self._shake_hands():
            return []
        found = []
        try:
            while chunk := self._tls.read(CHUNK):
                found.append(chunk)
        except ssl.SSLWantReadError:  # the rest is not here yet
            return found
        except ssl.SSLZeroReturnError:
            pass
        self.ended = True
        return found

    def write(self, data: bytes) -> None:
        """Encrypt. Before TLS is agreed and after its end there is nobody to say it to."""
        if not self.established or self.ended:
            return
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view[:CHUNK]) :]

    def end(self) -> None:
        """Say that nothing more comes (close_notify), so that nobody takes a cut connection for an end."""
        if self.established and not self.ended:
            self.ended = True
            with contextlib.suppress(ssl.SSLError):  # the peer has not answered yet, or will not: ours is said
                self._tls.unwrap()

    @property
    def outgoing(self) -> bytes:
        """What is to be sent, once."""
        return self._out.read()

    @property
    def version(self) -> str:
        """As OpenSSL names it: `TLSv1.3`."""
        return self._tls.version() or ""

    @property
    def alpn(self) -> str | None:
        """What was agreed on by ALPN."""
        return self._tls.selected_alpn_protocol()

    @property
    def peer_certificate(self) -> bytes | None:
        """The peer's certificate in DER, if it has shown one. Only a context that verifies has looked at it."""
        return self._tls.getpeercert(binary_form=True)

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True


def end_point(certificate: bytes) -> bytes | None:
    """What tls-server-end-point binds to: the hash of the server's certificate (RFC 5929, section 4.1).

    By the hash of its signature, and by SHA-256 where that is MD5 or SHA-1. None for a certificate whose signature has
    no hash of its own (Ed25519): there is nothing to bind to then, as with PostgreSQL.
    """
    algorithm: HashAlgorithm | None = None
    with contextlib.suppress(UnsupportedAlgorithm):  # none that we know: then nothing is bound
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in {"md5", "sha1"} else algorithm.name.replace("-", "_")
    return hashlib.new(name, certificate).digest()
