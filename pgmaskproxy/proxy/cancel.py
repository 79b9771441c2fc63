"""Cancel keys: the proxy hands out its own, and maps them to sessions (THREATS X6; manual, 53.2.7)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, final

KEY_BYTES: Final = 32
"""As PostgreSQL 18's (manual, 53.2.8); protocol 3.0 has room for four of them."""


@final
class CancelKeys:
    """Who may cancel what. A key is a process id and a secret; both must be right, and the session established.

    The process id is the server's own, as `pg_backend_pid()` says it: behind a pooler several sessions may have the
    same. The secret is ours, and tells them apart.
    """

    def __init__(self, randbytes: Callable[[int], bytes]) -> None:
        self._randbytes = randbytes
        self._sessions: dict[int, tuple[int, bytes, Callable[[], None]]] = {}
        """By a number of our own: what the client was told, and what is called."""
        self._told: dict[int, set[int]] = {}
        """By the process id that the client was told: such numbers."""
        self.elsewhere: Callable[[int, bytes], None] = lambda _process_id, _secret: None
        """Asked where a key is nobody's here: the session may be another process's."""

    def __len__(self) -> int:
        """Keys in force."""
        return len(self._sessions)

    def issue(self, cancel: Callable[[], None]) -> tuple[int, bytes]:
        """A number and a secret of 32 bytes for a new session; `cancel` is called when the client presents what it
        was given. The number serves as its process id where the server has none."""
        while True:
            number = int.from_bytes(self._randbytes(4), "big") & 0x7FFFFFFF
            if number and number not in self._sessions:
                break
        self._sessions[number] = (0, b"", cancel)
        return number, self._randbytes(KEY_BYTES)

    def give(self, number: int, process_id: int, secret: bytes) -> None:
        """What the client is told: from now on that cancels its session."""
        if number in self._sessions:
            self._sessions[number] = (process_id, secret, self._sessions[number][2])
            self._told.setdefault(process_id, set()).add(number)

    def withdraw(self, number: int) -> None:
        """The session has ended."""
        process_id, _, _ = self._sessions.pop(number, (0, b"", None))
        told = self._told.get(process_id, set())
        told.discard(number)
        if not told:
            self._told.pop(process_id, None)

    def present(self, process_id: int, secret: bytes) -> bool:
        """A CancelRequest came. A wrong or stale key does nothing, and is told nothing."""
        if self.present_here(process_id, secret):
            return True
        self.elsewhere(process_id, secret)
        return False

    def present_here(self, process_id: int, secret: bytes) -> bool:
        """The same, of this process's sessions only."""
        for number in tuple(self._told.get(process_id, ())):
            _, given, cancel = self._sessions[number]
            if given and hmac.compare_digest(given, secret):
                cancel()
                return True
        return False
