"""The client's side of a session's beginning: TLS, start-up, authentication, or a cancel request.

Manual, 53.2.1 "Start-up", 53.2.10 "SSL Session Encryption" and 53.3 "SASL Authentication". Whatever goes wrong with a
login, the client hears one text; an unknown user is played to the end against a mock verifier.
"""

from __future__ import annotations

from typing import final

from pgmaskproxy.errors import AuthenticationFailed, PeerError
from pgmaskproxy.model import Refusal
from pgmaskproxy.session.events import CancelPeer, Encrypted, LoginAnswer, LoginFailed, LookUpLogin, StartTls
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.link import Door, Entropy, Link
from pgmaskproxy.wire.authentication import AuthenticationSASL, AuthenticationSASLContinue, AuthenticationSASLFinal
from pgmaskproxy.wire.backend import NegotiateProtocolVersion
from pgmaskproxy.wire.frontend import PasswordMessage
from pgmaskproxy.wire.scram import MECHANISM, MECHANISM_PLUS, ScramVerifier, ServerExchange
from pgmaskproxy.wire.startup import (
    LATEST_MINOR,
    CancelRequest,
    GSSENCRequest,
    SSLRequest,
    StartupBuffer,
    StartupMessage,
)

SUPPORTED = b"S"
NOT_SUPPORTED = b"N"
"""The answers to SSLRequest and GSSENCRequest: one byte, not a message. GSSAPI is not spoken."""
PLAINTEXT = Refusal(
    "28000",
    "this server takes no login without encryption",
    hint="Connect with sslmode=require, or better verify-full.",
)
CERTIFICATE = "certificate"
"""How who needs no password has logged in."""
LONG_KEYS_MINOR = 2
"""From protocol 3.2 on a cancel key may be longer than four bytes."""


@final
class Handshake:
    """Logs the client in."""

    def __init__(self, link: Link, entropy: Entropy, startup: StartupBuffer, door: Door) -> None:
        self._link = link
        self._entropy = entropy
        self._startup = startup
        self._door = door
        self.encrypted: Encrypted | None = None
        """The TLS that the client's bytes come through."""
        self.secret_key = entropy.secret_key[:4]
        """What the client is told of its cancel key."""
        self.method = MECHANISM.decode().lower()
        """How the client proves who it is."""

    def login(self) -> Flow[LoginAnswer | Refusal | None]:
        """Who the client is, proven; a refusal to end with; or None after a cancel request."""
        packet = yield from self._packet()
        if packet is None:
            return None
        if self._door.required and self.encrypted is None:
            return PLAINTEXT
        self._negotiate(packet)
        link = self._link
        ticket = link.ticket()
        link.commands.append(LookUpLogin(ticket, packet.parameters))
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, LoginAnswer)
        if answer.refusal is not None:
            return answer.refusal
        if answer.certified:
            self.method = CERTIFICATE
            return answer
        assert answer.verifier is not None
        try:
            yield from self._scram(answer.verifier, known=answer.known)
        except AuthenticationFailed as error:
            # The client must not be able to tell these two apart; who reads the log must.
            link.commands.append(LoginFailed(error.reason if answer.known else answer.why_not))
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
                if type(packet) in asked or self.encrypted is not None or self._startup.pending:
                    raise PeerError("received unencrypted data after an encryption request")
                asked.add(type(packet))
                if isinstance(packet, SSLRequest) and self._door.tls:
                    yield from self._encrypt()
                else:
                    self._link.to_client(NOT_SUPPORTED)
                continue
            assert isinstance(packet, StartupMessage)
            return packet

    def _encrypt(self) -> Flow[None]:
        link = self._link
        link.to_client(SUPPORTED)
        ticket = link.ticket()
        link.commands.append(StartTls(ticket))
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, Encrypted)
        self.encrypted = answer

    def _negotiate(self, packet: StartupMessage) -> None:
        """A newer minor version than ours, or an extension, is negotiated down (manual, 53.2.1)."""
        options = tuple(name for name, _ in packet.parameters if name.startswith(b"_pq_."))
        minor = min(packet.minor, LATEST_MINOR)
        if packet.minor > minor or options:
            self._link.to_client(NegotiateProtocolVersion(minor, options).encode())
        if minor >= LONG_KEYS_MINOR:
            self.secret_key = self._entropy.secret_key

    def _scram(self, verifier: ScramVerifier, *, known: bool) -> Flow[None]:
        link = self._link
        binding = self.encrypted.binding if self.encrypted is not None else None
        offered = (MECHANISM,) if binding is None else (MECHANISM_PLUS, MECHANISM)
        link.to_client(AuthenticationSASL(offered).encode())
        initial = (yield from self._password()).sasl_initial_response()
        if initial.mechanism not in offered or initial.data is None:
            raise AuthenticationFailed("the client chose a mechanism that was not offered")
        plus = initial.mechanism == MECHANISM_PLUS
        exchange = ServerExchange(verifier, self._entropy.server_nonce.encode(), binding=binding, plus=plus)
        link.to_client(AuthenticationSASLContinue(exchange.first(initial.data)).encode())
        final = (yield from self._password()).sasl_response()
        proof = exchange.final(final.data)
        if not known:
            raise AuthenticationFailed("nobody knows this password")
        self.method = initial.mechanism.decode().lower()
        link.to_client(AuthenticationSASLFinal(proof).encode())

    def _password(self) -> Flow[PasswordMessage]:
        message = yield Wait(message=True)
        if not isinstance(message, PasswordMessage):
            raise PeerError("expected a password response")
        return message
