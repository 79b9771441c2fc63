"""What a client's bytes go through before the session sees them: TLS, where it asked for it or began with it."""

from __future__ import annotations

import ssl
from typing import final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.certificates import ServerCertificates
from pgmaskproxy.proxy.stream import Stream
from pgmaskproxy.proxy.tls import ALPN, CLIENT_HELLO, TlsStream
from pgmaskproxy.session import events as ev


@final
class Entrance:
    """One client's. `certificates` is None where no TLS is offered: what looks like it is no start-up packet then."""

    def __init__(self, stream: Stream, certificates: ServerCertificates | None, metrics: Metrics) -> None:
        self._stream = stream
        self._certificates = certificates
        self._metrics = metrics
        self._began = False
        self._ticket = 0
        """Of the question that the handshake answers; 0 where the client began with it."""
        self._binding: bytes | None = None

    @property
    def certificate(self) -> bytes | None:
        """The client's own, verified, in DER."""
        return self._stream.tls.peer_certificate if self._stream.tls is not None else None

    @property
    def version(self) -> str:
        """Of TLS; '' where there is none."""
        return self._stream.tls.version if self._stream.tls is not None else ""

    def start_tls(self, ticket: int) -> None:
        """The client's next byte is TLS's."""
        assert self._certificates is not None
        served = self._certificates.now()
        self._ticket, self._binding = ticket, served.binding
        self._stream.start_tls(TlsStream(served.context, server_side=True))

    def received(self, data: bytes) -> list[ev.Event]:
        """What that means to the session. PeerError when TLS fails: the reason is for the log, and the client has its
        alert."""
        if not self._began and self._certificates is not None and data[0] == CLIENT_HELLO:
            self.start_tls(0)
        self._began = True
        tls = self._stream.tls
        if tls is None:
            return [ev.ClientData(data)]
        agreed = tls.established
        try:
            said = self._stream.received(data)
        except ssl.SSLError as error:
            raise self._failed(error.reason or str(error)) from None
        found: list[ev.Event] = [ev.ClientData(said)] if said else []
        if not agreed and tls.established:
            if not self._ticket and tls.alpn != ALPN:
                raise self._failed("direct TLS without ALPN")  # it may have been meant for another kind of server
            self._metrics.tls_handshakes.labels("ok", tls.version).inc()
            found.insert(0, ev.Encrypted(self._ticket, self._binding))
        if tls.ended:
            found.append(ev.ClientClosed())
        return found

    def _failed(self, reason: str) -> PeerError:
        self._metrics.tls_handshakes.labels("failed", "").inc()
        return PeerError(f"TLS: {reason}")
