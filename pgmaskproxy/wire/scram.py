"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS in both roles (RFC 5802, RFC 7677), with PostgreSQL's habits.

No randomness in here: nonces and salts are passed in. The user's name inside the exchange is
ignored, as PostgreSQL does: libpq leaves it empty, other drivers send `*`; who logs in is what the
start-up packet says. The one type of channel binding is PostgreSQL's, tls-server-end-point (RFC 5929,
section 4): a hash of the certificate, computed by whoever holds the TLS connection.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import Final, final

from pgmaskproxy.errors import AuthenticationFailed, InternalError
from pgmaskproxy.wire.saslprep import saslprep

MECHANISM: Final = b"SCRAM-SHA-256"
MECHANISM_PLUS: Final = b"SCRAM-SHA-256-PLUS"
_BOUND: Final = b"p=tls-server-end-point"

DEFAULT_ITERATIONS: Final = 4096
"""PostgreSQL's default, and the least that RFC 7677 asks for."""

MAX_ITERATIONS: Final = 1_000_000
"""The most a client does for a server: some tenths of a second."""

KEY_LENGTH: Final = 32
SALT_LENGTH: Final = 16
"""SCRAM_DEFAULT_SALT_LEN."""


@final
class ScramVerifier:
    """What a server keeps of a password (RFC 5803; pg_authid.rolpassword has the same text)."""

    __slots__ = ("iterations", "salt", "server_key", "stored_key")

    def __init__(self, iterations: int, salt: bytes, stored_key: bytes, server_key: bytes) -> None:
        self.iterations = iterations
        self.salt = salt
        self.stored_key = stored_key
        self.server_key = server_key

    @staticmethod
    def parse(text: str) -> ScramVerifier:
        """Read `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.

        ValueError, without a word of `text`, for anything else.
        """
        try:
            mechanism, parameters, keys = text.split("$")
            iterations, salt = parameters.split(":")
            stored_key, server_key = keys.split(":")
            verifier = ScramVerifier(
                _positive(iterations.encode()),
                _from_base64(salt.encode()),
                _from_base64(stored_key.encode()),
                _from_base64(server_key.encode()),
            )
        except ValueError:
            raise ValueError("not a SCRAM-SHA-256 verifier") from None
        if mechanism.encode() != MECHANISM or not verifier.salt:
            raise ValueError("not a SCRAM-SHA-256 verifier")
        if len(verifier.stored_key) != KEY_LENGTH or len(verifier.server_key) != KEY_LENGTH:
            raise ValueError("not a SCRAM-SHA-256 verifier: its keys have a wrong length")
        return verifier

    def __str__(self) -> str:
        salt, stored_key, server_key = (
            _to_base64(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{MECHANISM.decode()}${self.iterations}:{salt}${stored_key}:{server_key}"

    def __repr__(self) -> str:
        return "<ScramVerifier>"  # never the keys: a repr ends in logs


def make_verifier(password: str | bytes, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
    """The verifier of `password`. `salt` should be 16 random bytes. Takes some milliseconds."""
    if not salt or iterations < 1:
        raise InternalError("a verifier without salt or iterations")
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password), salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    return ScramVerifier(iterations, salt, stored_key, _hmac(salted, b"Server Key"))


def mock_verifier(user: bytes, secret: bytes, iterations: int = DEFAULT_ITERATIONS) -> ScramVerifier:
    """A verifier that no password fits, for a user that does not exist.

    The same user gets the same salt for as long as `secret` (random, kept from everyone) lives, so
    that asking twice tells nothing. `iterations` has to be what real verifiers have.
    """
    if len(secret) < SALT_LENGTH:
        raise InternalError("the mock verifiers' secret is too short")
    return ScramVerifier(
        iterations,
        _hmac(secret, b"salt\0" + user)[:SALT_LENGTH],
        _hmac(secret, b"stored key\0" + user),
        _hmac(secret, b"server key\0" + user),
    )


@final
class ServerExchange:
    """The server's side of one login: `first`, then `final`, once each.

    `nonce` is the server's part: fresh, random, printable ASCII without comma. `binding` is the channel's, where
    SCRAM-SHA-256-PLUS was offered, and `plus` says that the client chose that. AuthenticationFailed for whatever is
    wrong, with the reason for the log.
    """

    __slots__ = ("_bare", "_binding", "_gs2_header", "_nonce", "_plus", "_server_first", "_verifier")

    def __init__(
        self, verifier: ScramVerifier, nonce: bytes, *, binding: bytes | None = None, plus: bool = False
    ) -> None:
        if not _is_nonce(nonce):
            raise InternalError("a nonce that is not printable ASCII without comma")
        if plus and binding is None:
            raise InternalError("channel binding without a channel to bind")
        self._verifier = verifier
        self._nonce = nonce
        self._binding = binding
        self._plus = plus
        self._gs2_header = b""
        self._bare = b""
        self._server_first = b""

    def first(self, client_first: bytes) -> bytes:
        """The server-first-message that answers `client_first`."""
        if self._gs2_header:
            raise InternalError("a SCRAM exchange was used twice")
        # gs2-cbind-flag "," [authzid] "," client-first-message-bare
        parts = client_first.split(b",", 2)
        if len(parts) != 3 or b"\0" in client_first:
            raise AuthenticationFailed("malformed SCRAM message: no GS2 header")
        flag, authzid, bare = parts
        if self._plus:
            if flag != _BOUND:
                raise AuthenticationFailed("the client chose SCRAM-SHA-256-PLUS and does not bind tls-server-end-point")
        elif flag == b"y":
            if self._binding is not None:
                raise AuthenticationFailed("SCRAM channel binding was stripped from what the server offered")
        elif flag.startswith(b"p="):
            raise AuthenticationFailed("the client binds a channel under SCRAM-SHA-256 without -PLUS")
        elif flag != b"n":
            raise AuthenticationFailed("malformed SCRAM message: unexpected channel-binding flag")
        if authzid:
            raise AuthenticationFailed("the client uses an authorization identity")
        attributes = bare.split(b",")
        if len(attributes) < 2 or not attributes[0].startswith(b"n=") or not attributes[1].startswith(b"r="):
            raise AuthenticationFailed("malformed SCRAM message: no user name and nonce")
        _check_extensions(attributes[2:])
        client_nonce = attributes[1][2:]
        if not _is_nonce(client_nonce):
            raise AuthenticationFailed("malformed SCRAM message: the nonce is not printable")
        self._nonce = client_nonce + self._nonce
        self._gs2_header = flag + b",,"
        self._bare = bare
        salt = _to_base64(self._verifier.salt)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, self._verifier.iterations)
        return self._server_first

    def final(self, client_final: bytes) -> bytes:
        """The server-final-message: the client has proven that it knows the password."""
        if not self._server_first:
            raise InternalError("a SCRAM exchange ended before it began, or twice")
        server_first = self._server_first
        self._server_first = b""
        attributes = client_final.split(b",")
        if len(attributes) < 3 or not attributes[-1].startswith(b"p="):
            raise AuthenticationFailed("malformed SCRAM message: no proof")
        channel = self._gs2_header + (self._binding or b"" if self._plus else b"")
        if not hmac.compare_digest(attributes[0], b"c=" + _to_base64(channel)):
            raise AuthenticationFailed("SCRAM channel binding does not match")
        if not hmac.compare_digest(attributes[1], b"r=" + self._nonce):
            raise AuthenticationFailed("SCRAM nonce does not match")
        _check_extensions(attributes[2:-1])
        try:
            proof = _from_base64(attributes[-1][2:])
        except ValueError:
            proof = b""
        if len(proof) != KEY_LENGTH:
            raise AuthenticationFailed("malformed SCRAM message: the proof is not 32 bytes in base64")
        without_proof = client_final[: -len(attributes[-1]) - 1]
        message = b",".join((self._bare, server_first, without_proof))
        client_key = _xor(proof, _hmac(self._verifier.stored_key, message))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key):
            raise AuthenticationFailed("the password does not match")
        return b"v=" + _to_base64(_hmac(self._verifier.server_key, message))


@final
class Password:
    """A password to log in with, time and again. What it makes of a salt is kept, as RFC 5802 has it: the same server
    asks by the same salt, and the iterations take milliseconds in which nobody else is served."""

    __slots__ = ("_key", "_prepared", "_salted", "text")

    def __init__(self, text: str | bytes) -> None:
        self.text = text.encode() if isinstance(text, str) else text
        self._prepared = saslprep(text)
        self._key = (b"", 0)
        self._salted = b""

    def __repr__(self) -> str:
        return "<Password>"  # a repr ends in logs

    def salted(self, salt: bytes, iterations: int) -> bytes:
        """RFC 5802's SaltedPassword. Takes some milliseconds where it was not the last one asked for."""
        if self._key != (salt, iterations):
            self._salted = hashlib.pbkdf2_hmac("sha256", self._prepared, salt, iterations)
            self._key = (salt, iterations)
        return self._salted


@final
class ClientExchange:
    """The client's side of one login: `first`, `final`, `verify`, once each.

    `nonce` is fresh, random, printable ASCII without comma. The user's name is sent as it is; a
    PostgreSQL server ignores it. `binding` is the channel's, where there is one that can be bound; `plus` says that the
    server offered that, and without it the server is told that it could have been. AuthenticationFailed for whatever
    the server gets wrong, and for a server that asks for fewer iterations than `least_iterations`: it would have an
    easy proof to guess from.
    """

    __slots__ = ("_bare", "_channel", "_gs2_header", "_least_iterations", "_nonce", "_password", "_server_signature")

    def __init__(
        self,
        user: bytes,
        password: Password,
        nonce: bytes,
        *,
        least_iterations: int = DEFAULT_ITERATIONS,
        binding: bytes | None = None,
        plus: bool = False,
    ) -> None:
        if not _is_nonce(nonce) or b"\0" in user:
            raise InternalError("a nonce that is not printable ASCII without comma, or a zero byte in a name")
        if plus and binding is None:
            raise InternalError("channel binding without a channel to bind")
        self._password = password
        self._nonce = nonce
        self._least_iterations = least_iterations
        self._gs2_header = (_BOUND if plus else b"y" if binding is not None else b"n") + b",,"
        self._channel = self._gs2_header + (binding or b"" if plus else b"")
        self._bare = b"n=%b,r=%b" % (user.replace(b"=", b"=3D").replace(b",", b"=2C"), nonce)
        self._server_signature = b""

    def first(self) -> bytes:
        """The client-first-message."""
        return self._gs2_header + self._bare

    def final(self, server_first: bytes) -> bytes:
        """The client-final-message that answers `server_first`. Takes as long as the password's salting."""
        if self._server_signature:
            raise InternalError("a SCRAM exchange was used twice")
        attributes = server_first.split(b",")
        if len(attributes) < 3 or [attribute[:2] for attribute in attributes[:3]] != [b"r=", b"s=", b"i="]:
            raise AuthenticationFailed("malformed SCRAM message: no nonce, salt and iterations")
        _check_extensions(attributes[3:])
        nonce = attributes[0][2:]
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not _is_nonce(nonce):
            raise AuthenticationFailed("SCRAM nonce does not match")
        try:
            salt = _from_base64(attributes[1][2:])
            iterations = _positive(attributes[2][2:])
        except ValueError:
            raise AuthenticationFailed("malformed SCRAM message: invalid salt or iterations") from None
        if not salt or not self._least_iterations <= iterations <= MAX_ITERATIONS:
            raise AuthenticationFailed(f"the server asks for {iterations} iterations and a salt of {len(salt)} bytes")
        salted = self._password.salted(salt, iterations)
        client_key = _hmac(salted, b"Client Key")
        without_proof = b"c=%b,r=%b" % (_to_base64(self._channel), nonce)
        message = b",".join((self._bare, server_first, without_proof))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), message)
        proof = _xor(client_key, _hmac(hashlib.sha256(client_key).digest(), message))
        return without_proof + b",p=" + _to_base64(proof)

    def verify(self, server_final: bytes) -> None:
        """Insist that the server knows the password's verifier too."""
        if not self._server_signature:
            raise InternalError("a SCRAM exchange ended before it began")
        attributes = server_final.split(b",")
        if attributes[0].startswith(b"e="):
            raise AuthenticationFailed("the server refused the SCRAM exchange")
        _check_extensions(attributes[1:])
        if not hmac.compare_digest(attributes[0], b"v=" + _to_base64(self._server_signature)):
            raise AuthenticationFailed("the server does not know the password")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes([a ^ b for a, b in zip(left, right, strict=True)])


def _to_base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _from_base64(text: bytes) -> bytes:
    """ValueError (binascii.Error is one) for anything but the one spelling of these bytes."""
    data = binascii.a2b_base64(text, strict_mode=True)
    if _to_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def _positive(digits: bytes) -> int:
    """RFC 5802's posit-number, of at most ten digits. ValueError for anything else."""
    if not digits.isdigit() or digits.startswith(b"0") or len(digits) > 10:
        raise ValueError("not a positive number")
    return int(digits)


def _is_nonce(nonce: bytes) -> bool:
    """RFC 5802's printable, at least one."""
    return bool(nonce) and all(0x21 <= byte <= 0x7E and byte != 0x2C for byte in nonce)


def _check_extensions(attributes: list[bytes]) -> None:
    """Optional extensions are ignored if they are well-formed: a letter, '=' and anything."""
    for attribute in attributes:
        if len(attribute) < 2 or not attribute[:1].isalpha() or attribute[1:2] != b"=":
            raise AuthenticationFailed("malformed SCRAM message: not an attribute")
