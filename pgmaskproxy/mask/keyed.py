"""`hash`, `uuid` and `token`: one answer for one value, under a key that only the proxy has.

Equal values have equal answers within a label, whatever their type and format: what goes in is the value's text, as the
server writes it. Without the key nothing about a value can be tried out.
"""

from __future__ import annotations

import binascii
import hmac
import uuid
from typing import Final, final

from pgmaskproxy.mask.keys import Keyring, keyed_hash
from pgmaskproxy.mask.masker import Kind, Masker, TextMasker
from pgmaskproxy.mask.token import Tokens, looks_like_token
from pgmaskproxy.mask.types import BPCHAR, Shape

HASH_PREFIX: Final = "hsh_"
_HASH_PREFIX: Final = HASH_PREFIX.encode("ascii")
_KEY: Final = 32
_BODY: Final = 12
_CHECK: Final = 4
_HEX: Final = frozenset("0123456789abcdef")


class Digest:
    """HMAC-SHA-256 (RFC 2104) under a key derived for a purpose and a label."""

    def __init__(self, keyring: Keyring, key_name: str, purpose: str, label: str) -> None:
        """KeyError where there is no such key."""
        version = keyring.current(key_name)
        if version is None:
            raise KeyError(key_name)
        inner, outer = keyed_hash(keyring.derive(key_name, version, purpose, label, _KEY))
        self._inner: Final = inner
        self._outer: Final = outer

    def of(self, value: bytes) -> bytes:
        """32 bytes."""
        inner = self._inner.copy()
        inner.update(value)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


@final
class Hash(Kind):
    """`hsh_` and so many hexadecimal digits of the HMAC of the value."""

    def __init__(self, keyring: Keyring, key_name: str, label: str, digits: int) -> None:
        """KeyError where there is no such key."""
        self.digest: Final = Digest(keyring, key_name, "hash", label)
        self.digits: Final = digits

    def show(self, text: str) -> str | None:
        return self.show_bytes(text.encode("utf-8"))

    def show_utf8(self, value: bytes) -> bytes | None:
        return _HASH_PREFIX + binascii.hexlify(self.digest.of(value))[: self.digits]

    def show_bytes(self, value: bytes) -> str | None:
        return HASH_PREFIX + self.digest.of(value).hex()[: self.digits]

    def recognises(self, text: str) -> bool:
        """Its prefix, and as many digits."""
        text = text.strip()
        body = text[len(HASH_PREFIX) :]
        return text.startswith(HASH_PREFIX) and len(body) == self.digits and all(digit in _HEX for digit in body)


@final
class KeyedUuid(Kind):
    """A UUID of version 8 (RFC 9562, 5.8): 90 bits of the value's HMAC, and 32 that say it was made here."""

    def __init__(self, keyring: Keyring, key_name: str, label: str) -> None:
        """KeyError where there is no such key."""
        self.digest: Final = Digest(keyring, key_name, "uuid", label)
        self.check: Final = Digest(keyring, key_name, "uuid check", label)

    def made(self, value: bytes) -> bytes:
        """Its 16 bytes."""
        body = bytearray(self.digest.of(value)[:_BODY])
        body[6] = 0x80 | body[6] & 0x0F
        body[8] = 0x80 | body[8] & 0x3F
        found = bytes(body)
        return found + self.check.of(found)[:_CHECK]

    def show(self, text: str) -> str | None:
        return uuid_text(self.made(text.encode("utf-8")))

    def show_bytes(self, value: bytes) -> str | None:
        return uuid_text(self.made(value))

    def recognises(self, text: str) -> bool:
        """By the check: one in four thousand million others passes it."""
        try:
            raw = uuid.UUID(text.strip()).bytes
        except ValueError:
            return False
        return hmac.compare_digest(self.check.of(raw[:_BODY])[:_CHECK], raw[_BODY:])


@final
class Token(Kind):
    """See `mask/token.py`."""

    def __init__(self, keyring: Keyring, key_name: str, label: str) -> None:
        """KeyError where there is no such key."""
        self.tokens: Final = Tokens(keyring, label, key_name)

    def show(self, text: str) -> str | None:
        return self.tokens.seal(text.encode("utf-8"))

    def show_utf8(self, value: bytes) -> bytes | None:
        return self.tokens.seal_utf8(value)

    def show_bytes(self, value: bytes) -> str | None:
        return self.tokens.seal(value)

    def recognises(self, text: str) -> bool:
        """Whatever looks like one."""
        return looks_like_token(text.strip())


def uuid_text(raw: bytes) -> str:
    """A UUID's 16 bytes as its type writes them."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@final
class TokenMasker(Masker):
    """Tokens for a column of texts: all of a read buffer's at once."""

    def __init__(self, kind: Token, shape: Shape) -> None:
        super().__init__(fixed=False, batched=True)
        self.tokens: Final = kind.tokens
        self.texts: Final = TextMasker(kind, shape, cut=False)
        self.blank: Final = shape.family == BPCHAR
        self.limit: Final = shape.limit

    def mask(self, value: bytes) -> bytes | None:
        """As `TextMasker.mask`."""
        return self.texts.mask(value)

    def mask_all(self, values: list[bytes]) -> list[bytes | None]:
        """A token is ASCII: as long in bytes as in characters."""
        plain = [value.rstrip(b" ") for value in values] if self.blank else values
        sealed: list[bytes | None] = []
        for token in self.tokens.seal_all(plain):
            if 0 <= self.limit < len(token):
                sealed.append(None)
            else:
                sealed.append(token.ljust(self.limit) if self.blank and self.limit > 0 else token)
        return sealed
