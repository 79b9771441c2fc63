"""Tokens: values under AES-SIV (RFC 5297), recognisable as ours, equal for equal values, and read back by us alone.

`tok_` and the base64url (RFC 4648) of the key's version and of AES-SIV's output. What is encrypted is the value, padded
to whole blocks (ISO/IEC 9797-1, method 2), so that only its length in sixteens shows. The key is derived for the
label: a token of another label, or of another deployment, is a forgery here.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from pgmaskproxy.mask.keys import Keyring
from pgmaskproxy.mask.siv import Siv

PREFIX: Final = "tok_"
SHORTEST: Final = 50
"""Characters of a token of up to 15 bytes."""

_BLOCK: Final = 16
_TAG: Final = 16
_VERSION: Final = 2
_SECRET: Final = 64
_MARK: Final = b"\x80"
_PADDING: Final = _MARK + bytes(_BLOCK - 1)
_LONG: Final = 512
"""Bytes of a value that is sealed by itself."""
_PREFIX: Final = PREFIX.encode("ascii")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_PURPOSE: Final = "token"
_SHAPE: Final = re.compile(r"tok_[A-Za-z0-9_-]{20,}")


class ForgedToken(ValueError):
    """What looks like a token and is none of this label's: never made here, or changed since. Its text is in no
    message: it may have been made of something."""


def looks_like_token(text: str) -> bool:
    """Whether a person would take it for one of our tokens, forged or not."""
    return _SHAPE.fullmatch(text) is not None


def token_length(size: int) -> int:
    """Characters of the token of a value of so many bytes."""
    padded = (size // _BLOCK + 1) * _BLOCK
    return len(PREFIX) + -(-(_VERSION + _TAG + padded) * 4 // 3)


@final
class Tokens:
    """One label's tokens under one named key."""

    def __init__(self, keyring: Keyring, label: str, key_name: str) -> None:
        """KeyError where there is no such key."""
        version = keyring.current(key_name)
        if version is None:
            raise KeyError(key_name)
        self._keyring: Final = keyring
        self._label: Final = label
        self._key_name: Final = key_name
        self._version: Final = version.to_bytes(_VERSION, "big")
        self._cipher: Final = self._made(version)
        self._many: Siv | None = None
        """Made when first asked for: who only reads a token, or looks at one, needs none."""

    def seal(self, value: bytes) -> str:
        """The token of a value."""
        return self.seal_utf8(value).decode("ascii")

    def seal_utf8(self, value: bytes) -> bytes:
        """The same as bytes."""
        sealed = self._cipher.encrypt(value + _PADDING[: _BLOCK - len(value) % _BLOCK], None)
        return _text(self._version + sealed)

    def seal_all(self, values: list[bytes]) -> list[bytes]:
        """The tokens of many values, as bytes."""
        # Side by side a long value would cost more than by itself, and all memory is taken at once.
        short = [value + _PADDING[: _BLOCK - len(value) % _BLOCK] for value in values if len(value) <= _LONG]
        if self._many is None:
            self._many = Siv(self._derived(int.from_bytes(self._version, "big")))
        sealed = self._many.seal(short)
        found: list[bytes] = []
        at = 0
        for value in values:
            if len(value) > _LONG:
                found.append(self.seal_utf8(value))
            else:
                found.append(_text(self._version + sealed[at]))
                at += 1
        return found

    def open(self, token: str) -> bytes:
        """The value of one of our tokens, of any version that the keyring has. ForgedToken for everything else."""
        if not looks_like_token(token):
            raise ForgedToken("not a token")
        body = token[len(PREFIX) :]
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)) if len(body) % 4 != 1 else b""
        version = int.from_bytes(raw[:_VERSION], "big")
        if len(raw) < _VERSION + _TAG + _BLOCK or not self._keyring.has(self._key_name, version):
            raise ForgedToken("not a token of a key that is known")
        cipher = self._cipher if raw[:_VERSION] == self._version else self._made(version)
        try:
            padded: bytes = cipher.decrypt(raw[_VERSION:], None)
        except InvalidTag:
            raise ForgedToken("not a token of this label") from None
        value = padded.rstrip(b"\0")
        # The last character may have bits that decode to nothing: a value has one token and no other spelling of it.
        if not value.endswith(_MARK) or _text(raw).decode("ascii") != token:
            raise ForgedToken("not a token as they are written")
        return value[:-1]

    def _made(self, version: int) -> AESSIV:
        return AESSIV(self._derived(version))

    def _derived(self, version: int) -> bytes:
        return self._keyring.derive(self._key_name, version, _PURPOSE, self._label, _SECRET)


def _text(raw: bytes) -> bytes:
    return _PREFIX + binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=")
