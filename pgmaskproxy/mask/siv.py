"""AES-SIV (RFC 5297) of many values at once: for the rows of a read buffer, which all have the same key.

What a library does for one value costs more in setting it up than in AES. Here the values that have as many blocks are
encrypted side by side: one call of AES for the first block of all of them, one for the second, and so on. `Siv` makes
sure when it is made that it agrees with the library; values are read back by the library alone.
"""

from __future__ import annotations

from typing import Final, final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from pgmaskproxy.errors import InternalError

BLOCK: Final = 16

_RB: Final = 0x87  # RFC 4493, 2.3
_TOP: Final = 1 << 127
_ALL: Final = (1 << 128) - 1
_COUNTER: Final = _ALL ^ (1 << 63) ^ (1 << 31)
"""What of the synthetic IV begins the counter: two bits are cleared, so that counting never carries (RFC 5297, 2.5)."""
_TRIED: Final = (bytes(16), bytes(range(48)), b"\xff" * 32)


@final
class Siv:
    """One key of 64 bytes, for values of whole blocks without associated data."""

    def __init__(self, key: bytes) -> None:
        """InternalError where it does not agree with the library."""
        half = len(key) // 2
        # ECB of single blocks is AES itself: what SIV is made of.
        self._mac: Final = Cipher(algorithms.AES(key[:half]), modes.ECB()).encryptor()  # noqa: S305
        self._stream: Final = Cipher(algorithms.AES(key[half:]), modes.ECB()).encryptor()  # noqa: S305
        subkey = _doubled(int.from_bytes(self._mac.update(bytes(BLOCK)), "big"))
        zero = int.from_bytes(self._mac.update(subkey.to_bytes(BLOCK, "big")), "big")
        self._last: Final = (zero ^ subkey).to_bytes(BLOCK, "big")
        """What is added to a value's last block: CMAC of nothing, and CMAC's subkey."""
        library = AESSIV(key)
        if self.seal(list(_TRIED)) != [library.encrypt(value, None) for value in _TRIED]:
            raise InternalError("our AES-SIV is not the library's")

    def seal(self, values: list[bytes]) -> list[bytes]:
        """Each value's synthetic IV and ciphertext, in their order. Every value has one whole block or more."""
        groups: dict[int, list[int]] = {}
        for at, value in enumerate(values):
            groups.setdefault(len(value), []).append(at)
        found = [b""] * len(values)
        for size, places in groups.items():
            for at, sealed in zip(places, self._group([values[at] for at in places], size // BLOCK), strict=True):
                found[at] = sealed
        return found

    def _group(self, values: list[bytes], blocks: int) -> list[bytes]:
        """The same for values of so many blocks each."""
        count = len(values)
        width = BLOCK * count
        columns = [b"".join([value[at : at + BLOCK] for value in values]) for at in range(0, BLOCK * blocks, BLOCK)]
        numbers = [int.from_bytes(column, "big") for column in columns]
        last = int.from_bytes(self._last * count, "big")
        state = 0
        for at in range(blocks):
            state ^= numbers[at] if at < blocks - 1 else numbers[at] ^ last
            state = int.from_bytes(self._mac.update(state.to_bytes(width, "big")), "big")
        ones = int.from_bytes((1).to_bytes(BLOCK, "big") * count, "big")
        counter = state & int.from_bytes(_COUNTER.to_bytes(BLOCK, "big") * count, "big")
        parts = [state.to_bytes(width, "big")]
        for number in numbers:
            stream = int.from_bytes(self._stream.update(counter.to_bytes(width, "big")), "big")
            parts.append((number ^ stream).to_bytes(width, "big"))
            counter += ones
        return [b"".join([part[at : at + BLOCK] for part in parts]) for at in range(0, width, BLOCK)]


def _doubled(number: int) -> int:
    """`dbl` of RFC 5297, 2.3: twice a number in the field of CMAC."""
    return (number << 1 & _ALL) ^ (_RB if number & _TOP else 0)
