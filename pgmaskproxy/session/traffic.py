"""The bytes that arrive, and the bytes to be sent: events and commands that every message makes."""

from __future__ import annotations

from typing import final


@final
class ClientData:
    """Bytes arrived from the client."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


@final
class ServerData:
    """Bytes arrived from the server."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


@final
class SendClient:
    """Write these bytes to the client."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SendClient) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)


@final
class SendServer:
    """Write these bytes to the server."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SendServer) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)
