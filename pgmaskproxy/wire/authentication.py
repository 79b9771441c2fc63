"""Authentication: what the server asks ('R') and what the client answers ('p') (manual, "Message Formats")."""

from __future__ import annotations

from typing import Final, TypeAlias, final

from pgmaskproxy.errors import InternalError
from pgmaskproxy.wire.framing import pack
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader
from pgmaskproxy.wire.writer import Writer

OK: Final = 0
KERBEROS_V5: Final = 2
CLEARTEXT: Final = 3
MD5: Final = 5
SCM: Final = 6
GSS: Final = 7
GSS_CONTINUE: Final = 8
SSPI: Final = 9
SASL: Final = 10
SASL_CONTINUE: Final = 11
SASL_FINAL: Final = 12


def _request(code: int, data: bytes = b"") -> bytes:
    writer = Writer(ord("R"))
    writer.int32(code)
    writer.raw(data)
    return writer.frame()


@final
class AuthenticationOk(Message):
    """The client is who it says."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _request(OK)


@final
class AuthenticationKerberosV5(Message):
    """Kerberos V5 is asked for; no server since 9.3 does."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _request(KERBEROS_V5)


@final
class AuthenticationCleartextPassword(Message):
    """The password itself is asked for."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _request(CLEARTEXT)


@final
class AuthenticationMD5Password(Message):
    """An MD5 hash of the password is asked for. `salt` has 4 bytes."""

    __slots__ = ("salt",)

    def __init__(self, salt: bytes) -> None:
        self.salt = salt

    def encode(self) -> bytes:
        return _request(MD5, self.salt)


@final
class AuthenticationSCMCredential(Message):
    """A Unix credentials message is asked for; no server since 9.1 does."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _request(SCM)


@final
class AuthenticationGSS(Message):
    """GSSAPI is asked for."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _request(GSS)


@final
class AuthenticationGSSContinue(Message):
    """GSSAPI or SSPI `data` for the client."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return _request(GSS_CONTINUE, self.data)


@final
class AuthenticationSSPI(Message):
    """SSPI is asked for."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _request(SSPI)


@final
class AuthenticationSASL(Message):
    """SASL is asked for, by one of `mechanisms`, in the server's order of preference."""

    __slots__ = ("mechanisms",)

    def __init__(self, mechanisms: tuple[bytes, ...]) -> None:
        self.mechanisms = mechanisms

    def encode(self) -> bytes:
        writer = Writer(ord("R"))
        writer.int32(SASL)
        for name in self.mechanisms:
            writer.string(name)
        writer.byte(0)
        return writer.frame()


@final
class AuthenticationSASLContinue(Message):
    """The mechanism's challenge."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return _request(SASL_CONTINUE, self.data)


@final
class AuthenticationSASLFinal(Message):
    """The mechanism's outcome: in SCRAM, the server's proof."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return _request(SASL_FINAL, self.data)


AuthenticationRequest: TypeAlias = (
    AuthenticationOk
    | AuthenticationKerberosV5
    | AuthenticationCleartextPassword
    | AuthenticationMD5Password
    | AuthenticationSCMCredential
    | AuthenticationGSS
    | AuthenticationGSSContinue
    | AuthenticationSSPI
    | AuthenticationSASL
    | AuthenticationSASLContinue
    | AuthenticationSASLFinal
)


def decode_request(body: bytes) -> AuthenticationRequest:
    """The message in the body of an 'R' frame. PeerError for an unknown kind and for anything inexact."""
    reader = Reader(body, "AuthenticationRequest")
    code = reader.int32()
    message: AuthenticationRequest
    if code == OK:
        message = AuthenticationOk()
    elif code == CLEARTEXT:
        message = AuthenticationCleartextPassword()
    elif code == MD5:
        message = AuthenticationMD5Password(reader.take(4))
    elif code == SASL:
        message = AuthenticationSASL(_mechanisms(reader))
    elif code == SASL_CONTINUE:
        message = AuthenticationSASLContinue(reader.rest())
    elif code == SASL_FINAL:
        message = AuthenticationSASLFinal(reader.rest())
    elif code == KERBEROS_V5:
        message = AuthenticationKerberosV5()
    elif code == SCM:
        message = AuthenticationSCMCredential()
    elif code == GSS:
        message = AuthenticationGSS()
    elif code == GSS_CONTINUE:
        message = AuthenticationGSSContinue(reader.rest())
    elif code == SSPI:
        message = AuthenticationSSPI()
    else:
        raise reader.fail(f"unknown kind {code}")
    reader.end()
    return message


def _mechanisms(reader: Reader) -> tuple[bytes, ...]:
    names: list[bytes] = []
    while True:
        name = reader.string()
        if not name:
            return tuple(names)
        names.append(name)


@final
class SASLInitialResponse(Message):
    """The chosen mechanism and its first `data`; None where the mechanism has none."""

    __slots__ = ("data", "mechanism")

    def __init__(self, mechanism: bytes, data: bytes | None) -> None:
        self.mechanism = mechanism
        self.data = data

    def encode(self) -> bytes:
        writer = Writer(ord("p"))
        writer.string(self.mechanism)
        writer.value(self.data)
        return writer.frame()


@final
class SASLResponse(Message):
    """The answer to a challenge."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return pack(b"p", self.data)


@final
class PasswordMessage(Message):
    """A 'p' frame, which says nothing of which answer it is. `data` is its whole body."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return pack(b"p", self.data)

    def password(self) -> bytes:
        """Read as the answer to AuthenticationCleartextPassword (or MD5). PeerError when it is none."""
        reader = Reader(self.data, "PasswordMessage")
        password = reader.string()
        reader.end()
        return password

    def sasl_initial_response(self) -> SASLInitialResponse:
        """Read as the answer to AuthenticationSASL. PeerError when it is none."""
        reader = Reader(self.data, "SASLInitialResponse")
        message = SASLInitialResponse(reader.string(), reader.value())
        reader.end()
        return message

    def sasl_response(self) -> SASLResponse:
        """Read as the answer to AuthenticationSASLContinue."""
        return SASLResponse(self.data)


def password_message(password: bytes) -> PasswordMessage:
    """The answer to AuthenticationCleartextPassword."""
    if b"\0" in password:
        raise InternalError("a password holds a zero byte")
    return PasswordMessage(password + b"\0")
