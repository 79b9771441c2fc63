"""Numbers that people write in groups: cards and telephones."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = b"0123456789"
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _DIGITS)


def digits_of(text: str, between: bytes) -> str:
    """The digits of a text that has nothing but digits and `between`; '' for any other."""
    raw = text.encode("utf-8", errors="replace")
    if raw.translate(None, _DIGITS + between):
        return ""
    return raw.translate(None, _OTHERS).decode("ascii")
