"""Our own login at the server, with an environment that is pinned (DESIGN 3a and 3d).

SCRAM-SHA-256 with and without channel binding, cleartext and trust; what the server says until its first ReadyForQuery.
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.errors import AuthenticationFailed, PeerError
from pgmaskproxy.model import Refusal
from pgmaskproxy.session.events import ConnectUpstream, SessionReady, UpstreamConnected, UpstreamFailed
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.link import Entropy, Link
from pgmaskproxy.session.results import PINNED, REPORTED, unpins
from pgmaskproxy.wire.authentication import (
    AuthenticationCleartextPassword,
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    SASLInitialResponse,
    SASLResponse,
    password_message,
)
from pgmaskproxy.wire.backend import (
    BackendKeyData,
    BackendMessage,
    ErrorResponse,
    NegotiateProtocolVersion,
    NoticeResponse,
    ParameterStatus,
    ReadyForQuery,
)
from pgmaskproxy.wire.scram import MECHANISM, MECHANISM_PLUS, ClientExchange
from pgmaskproxy.wire.startup import StartupMessage

PASSED_ON: Final = {
    "3D000": "database does not exist",
    "53300": "too many connections to the upstream server",
    "57P03": "the upstream server is starting up or shutting down",
}
"""Start-up errors that a client can act on; the rest are the operator's, and 08006 to the client."""


@final
class Upstream:
    """Logs the proxy in."""

    def __init__(self, link: Link, entropy: Entropy) -> None:
        self._link = link
        self._entropy = entropy
        self.status: list[ParameterStatus | NoticeResponse] = []
        """What the client is told of the server's settings."""
        self.trouble = ""
        """Why it failed, for the log."""

    def login(self, database: str, method: str, secret_key: bytes) -> Flow[Refusal | None]:
        """None once the server is ready for queries. `method` is how the client logged in, `secret_key` what it is told
        of its cancel key."""
        link = self._link
        ticket = link.ticket()
        link.commands.append(ConnectUpstream(ticket, database, method))
        answer = yield Wait(ticket=ticket)
        if isinstance(answer, UpstreamFailed):
            self.trouble = answer.reason
            return answer.refusal
        assert isinstance(answer, UpstreamConnected)
        link.role, link.attestation = answer.user, answer.attestation
        pairs = (("user", answer.user), ("database", database), *answer.parameters)
        parameters = tuple((name.encode(), value.encode()) for name, value in pairs)
        link.to_server(StartupMessage(3, 0, parameters).encode())
        try:
            refusal = yield from self._authenticate(answer)
        except AuthenticationFailed as error:
            return self._failed(error.reason)
        if refusal is not None:
            return refusal
        return (yield from self._until_ready(secret_key))

    def _authenticate(self, answer: UpstreamConnected) -> Flow[Refusal | None]:
        message = yield from self._next()
        if isinstance(message, AuthenticationSASL):
            plus = MECHANISM_PLUS in message.mechanisms and answer.binding is not None
            if answer.must_bind and not plus:
                return self._failed("upstream.channel_binding is required, and the server does not offer it")
            mechanism = MECHANISM_PLUS if plus else MECHANISM
            if mechanism not in message.mechanisms or answer.password is None:
                return self._failed("the server wants SCRAM-SHA-256 and there is no password to answer with")
            nonce = self._entropy.client_nonce.encode()
            exchange = ClientExchange(b"", answer.password, nonce, binding=answer.binding, plus=plus)
            self._link.to_server(SASLInitialResponse(mechanism, exchange.first()).encode())
            message = yield from self._next()
            continued = isinstance(message, AuthenticationSASLContinue)
            if isinstance(message, AuthenticationSASLContinue):
                self._link.to_server(SASLResponse(exchange.final(message.data)).encode())
                message = yield from self._next()
            if isinstance(message, AuthenticationSASLFinal) and continued:
                # Both sides prove that they know it: a server that does not is not ours.
                exchange.verify(message.data)
                message = yield from self._next()
            elif not isinstance(message, ErrorResponse):
                return self._failed("the server ended the SCRAM exchange early")
        elif answer.must_bind and not isinstance(message, ErrorResponse):
            return self._failed("upstream.channel_binding is required, and the server asks for no SCRAM")
        elif isinstance(message, AuthenticationCleartextPassword):
            if answer.password is None:
                return self._failed("the server wants a password and none is configured")
            self._link.to_server(password_message(answer.password.text).encode())
            message = yield from self._next()
        if isinstance(message, ErrorResponse):
            return self._refused(message)
        if not isinstance(message, AuthenticationOk):
            return self._failed("the server wants an authentication method that is not supported (md5, GSSAPI, SSPI)")
        return None

    def _until_ready(self, given_key: bytes) -> Flow[Refusal | None]:
        link = self._link
        version, process_id, secret_key = "", 0, b""
        while True:
            message = yield from self._next()
            if isinstance(message, ParameterStatus):
                pinned = PINNED.get(message.name)
                if pinned is not None and message.value != pinned and not unpins(link, message.name):
                    return self._failed(f"{message.name.decode()} is {message.value.decode(errors='replace')}")
                if message.name == b"server_version":
                    version = message.value.decode(errors="replace")
                if message.name in REPORTED or link.transparent:
                    self.status.append(message)
            elif isinstance(message, BackendKeyData):
                process_id, secret_key = message.process_id, message.secret_key
            elif isinstance(message, ReadyForQuery):
                link.status = message.status
                link.upstream_process_id = process_id
                link.process_id = process_id or link.process_id
                told = SessionReady(process_id, secret_key, version, given_key, link.process_id)
                link.commands.append(told)
                return None
            elif isinstance(message, ErrorResponse):
                return self._refused(message)
            elif isinstance(message, NegotiateProtocolVersion):
                return self._failed("the server does not speak protocol 3.0")
            else:
                raise PeerError("the server sent a message that has no place here")

    def _next(self) -> Flow[BackendMessage]:
        while True:
            message = yield Wait(server=True)
            if isinstance(message, NoticeResponse):
                # What a login trigger says can be anything (THREATS M21); of trees there is none to show.
                if self._link.transparent and message.fields.get(b"V") != b"LOG":
                    self.status.append(message)
                continue
            if not isinstance(message, BackendMessage):
                raise PeerError("the server said nothing")
            return message

    def _refused(self, message: ErrorResponse) -> Refusal:
        state = message.fields.get(b"C", b"").decode(errors="replace")
        text = message.fields.get(b"M", b"").decode(errors="replace")
        self.trouble = f"{state}: {text}"
        if state in PASSED_ON:
            return Refusal(state, PASSED_ON[state])
        return self._failed(self.trouble)

    def _failed(self, trouble: str) -> Refusal:
        self.trouble = trouble
        return Refusal(
            "08006", "cannot log in to the upstream server", hint="The operator finds the reason in the proxy's log."
        )
