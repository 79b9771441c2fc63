"""The client's side of a session's beginning: start-up, authentication, or a cancel request.

Manual, 53.2.1 "Start-up" and 53.3 "SASL Authentication". Whatever goes wrong with a login, the
client hears one text; an unknown user is played to the end against a mock verifier.
"""

from __future__ import annotations

from typing import final

from pgmaskproxy.errors import AuthenticationFailed, PeerError
from pgmaskproxy.model import Refusal
from pgmaskproxy.session.events import CancelPeer, LoginAnswer, LoginFailed, LookUpLogin
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.link import Entropy, Link
from pgmaskproxy.wire.authentication import AuthenticationSASL, AuthenticationSASLContinue, AuthenticationSASLFinal
from pgmaskproxy.wire.backend import NegotiateProtocolVersion
from pgmaskproxy.wire.frontend import PasswordMessage
from pgmaskproxy.wire.scram import MECHANISM, ScramVerifier, ServerExchange
from pgmaskproxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupBuffer, StartupMessage

UNKNOWN_USER = "unknown user"
NOT_SUPPORTED = b"N"
"""The answer to SSLRequest and GSSENCRequest: one byte, not a message. TLS will be offered here."""


@final
class Handshake:
    """Logs the client in."""

    def __init__(self, link: Link, entropy: Entropy, startup: StartupBuffer) -> None:
        self._link = link
        self._entropy = entropy
        self._startup = startup
        self.cancelled = False
        """The connection was for a cancel request; it is over."""

    def login(self) -> Flow[LoginAnswer | Refusal | None]:
        """Who the client is, proven; a refusal to end with; or None after a cancel request."""
        packet = yield from self._packet()
        if packet is None:
            return None
        self._negotiate(packet)
        link = self._link
        ticket = link.ticket()
        link.commands.append(LookUpLogin(ticket, packet.parameters))
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, LoginAnswer)
        if answer.refusal is not None:
            return answer.refusal
        assert answer.verifier is not None
        try:
            yield from self._scram(answer.verifier, known=answer.known)
        except AuthenticationFailed as error:
            # The client must not be able to tell these two apart; who reads the log must.
            link.commands.append(LoginFailed(error.reason if answer.known else UNKNOWN_USER))
            return Refusal("28P01", f'password authentication failed for user "{answer.user}"')
        return answer

    def _packet(self) -> Flow[StartupMessage | None]:
        asked: set[type] = set()
        while True:
            packet = yield Wait(message=True)
            if isinstance(packet, CancelRequest):
                self._link.commands.append(CancelPeer(packet.process_id, packet.secret_key))
                return None
            if isinstance(packet, SSLRequest | GSSENCRequest):
                # What comes before the answer was not sent by who will be authenticated (CVE-2021-23214).
                if type(packet) in asked or self._startup.pending:
                    raise PeerError("received unencrypted data after an encryption request")
                asked.add(type(packet))
                self._link.to_client(NOT_SUPPORTED)
                continue
            assert isinstance(packet, StartupMessage)
            return packet

    def _negotiate(self, packet: StartupMessage) -> None:
        """Protocol 3.0 is spoken; a newer minor version or an extension is negotiated down (manual, 53.2.1)."""
        options = tuple(name for name, _ in packet.parameters if name.startswith(b"_pq_."))
        if packet.minor > 0 or options:
            self._link.to_client(NegotiateProtocolVersion(0, options).encode())

    def _scram(self, verifier: ScramVerifier, *, known: bool) -> Flow[None]:
        link = self._link
        exchange = ServerExchange(verifier, self._entropy.server_nonce.encode())
        link.to_client(AuthenticationSASL((MECHANISM,)).encode())
        initial = (yield from self._password()).sasl_initial_response()
        if initial.mechanism != MECHANISM or initial.data is None:
            raise AuthenticationFailed("the client chose a mechanism that was not offered")
        link.to_client(AuthenticationSASLContinue(exchange.first(initial.data)).encode())
        final = (yield from self._password()).sasl_response()
        proof = exchange.final(final.data)
        if not known:
            raise AuthenticationFailed(UNKNOWN_USER)
        link.to_client(AuthenticationSASLFinal(proof).encode())

    def _password(self) -> Flow[PasswordMessage]:
        message = yield Wait(message=True)
        if not isinstance(message, PasswordMessage):
            raise PeerError("expected a password response")
        return message
