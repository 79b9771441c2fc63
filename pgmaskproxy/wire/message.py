"""What every message is: bytes in another form.

A message is compared by its bytes, since decoding is exact; and shown by its name alone, since a
repr ends in logs and tracebacks, and messages hold values. `describe` shows one on purpose.
"""

from __future__ import annotations

from pgmaskproxy.errors import InternalError


class Message:
    """The base of all messages."""

    __slots__ = ()

    def encode(self) -> bytes:
        """The whole frame (of a start-up packet: with its length). InternalError for what cannot be sent."""
        raise InternalError("a message without an encoding")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and type(self) is type(other) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self.encode())} bytes>"
