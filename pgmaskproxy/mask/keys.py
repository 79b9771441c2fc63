"""The secrets that keyed masks are made with, by name and version, and what is derived of them for each label.

Whoever has a secret can undo tokens and make hashes of guesses: nothing here ever prints one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final, final

DEFAULT_KEY: Final = "masking"
"""The key of a mask that names none."""
LEAST_SECRET: Final = 32
"""Bytes."""
GREATEST_VERSION: Final = 65535
"""A token says its key's version in two bytes."""

_DIGEST: Final = 32
_LONGEST: Final = 255 * _DIGEST
_SALT: Final = b"pgmaskproxy/v1"


@final
class Key:
    """A named secret of so many random bytes; `version` from 1 on, the greatest is the newest."""

    def __init__(self, name: str, version: int, secret: bytes) -> None:
        """ValueError, without the secret, for one that is too short, or for a version that cannot be."""
        if len(secret) < LEAST_SECRET:
            raise ValueError(f"a key's secret has {LEAST_SECRET} bytes or more")
        if not 1 <= version <= GREATEST_VERSION:
            raise ValueError(f"a key's version is a number from 1 to {GREATEST_VERSION}")
        self.name: Final = name
        self.version: Final = version
        self._secret: Final = secret

    def __repr__(self) -> str:
        return f"Key({self.name!r}, {self.version}, ...)"

    def derive(self, purpose: str, label: str, length: int) -> bytes:
        """`length` bytes for one purpose and one label: HKDF with SHA-256 (RFC 5869). Nobody learns from one what
        another is. ValueError for more than it can give."""
        if not 0 < length <= _LONGEST:
            raise ValueError("HKDF with SHA-256 gives 1 to 8160 bytes")
        extracted = hmac.digest(_SALT, self._secret, "sha256")
        # Lengths first: no two triples may be one text.
        parts = [part.encode() for part in (self.name, purpose, label)]
        info = b"".join(len(part).to_bytes(4, "big") + part for part in parts) + self.version.to_bytes(4, "big")
        found = block = b""
        for number in range(-(-length // _DIGEST)):
            block = hmac.digest(extracted, block + info + bytes([number + 1]), "sha256")
            found += block
        return found[:length]


@final
class Keyring:
    """Every key there is. The newest version of a name makes what is shown, older ones still read tokens."""

    def __init__(self, keys: Iterable[Key]) -> None:
        """ValueError where a name has a version twice."""
        found: dict[tuple[str, int], Key] = {}
        newest: dict[str, int] = {}
        for key in keys:
            if (key.name, key.version) in found:
                raise ValueError(f'the key "{key.name}" has version {key.version} twice')
            found[key.name, key.version] = key
            newest[key.name] = max(newest.get(key.name, 0), key.version)
        self._keys: Final = found
        self._newest: Final = newest

    def __repr__(self) -> str:
        return f"Keyring({', '.join(f'{name} {version}' for name, version in self.versions())})"

    def versions(self) -> tuple[tuple[str, int], ...]:
        """Name and version of every key, sorted."""
        return tuple(sorted(self._keys))

    def current(self, name: str) -> int | None:
        """The newest version of `name`; None where there is no such key."""
        return self._newest.get(name)

    def has(self, name: str, version: int) -> bool:
        """Whether there is that version of it."""
        return (name, version) in self._keys

    def derive(self, name: str, version: int, purpose: str, label: str, length: int) -> bytes:
        """As `Key.derive`. KeyError where there is no such key."""
        return self._keys[name, version].derive(purpose, label, length)

    def same(self, other: Keyring) -> bool:
        """Whether the other has the same keys, secrets included."""
        return self.versions() == other.versions() and all(
            hmac.compare_digest(key.derive("same", "", _DIGEST), other._keys[which].derive("same", "", _DIGEST))
            for which, key in self._keys.items()
        )


def keyed_hash(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The inner and the outer state of HMAC-SHA-256 under `key` (RFC 2104), of at most 64 bytes: to be copied for each
    value, which costs a third of setting the key up again."""
    if len(key) > 64:
        raise ValueError("the key is longer than a block of SHA-256")
    padded = key.ljust(64, b"\0")
    return (
        hashlib.sha256(bytes([byte ^ 0x36 for byte in padded])),
        hashlib.sha256(bytes([byte ^ 0x5C for byte in padded])),
    )


NO_KEYS: Final = Keyring(())
"""Before any are known: what needs one is shown as NULL."""
