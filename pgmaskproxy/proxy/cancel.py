"""Cancel keys: the proxy hands out its own, and maps them to sessions (THREATS X6; manual, 53.2.7)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final, final

KEY_BYTES: Final = 32
"""As PostgreSQL 18's (manual, 53.2.8); protocol 3.0 has room for four of them."""


@final
class CancelKeys:
    """Who may cancel what. A key is a process id and a secret; both must be right, and the session established."""

    def __init__(self, randbytes: Callable[[int], bytes]) -> None:
        self._randbytes = randbytes
        self._sessions: dict[int, tuple[bytes, Callable[[], None]]] = {}

    def __len__(self) -> int:
        """Keys in force."""
        return len(self._sessions)

    def issue(self, cancel: Callable[[], None]) -> tuple[int, bytes]:
        """A process id and a secret of 32 bytes for a new session; `cancel` is called when both are presented, as far
        as the client was given them."""
        while True:
            process_id = int.from_bytes(self._randbytes(4), "big") & 0x7FFFFFFF
            if process_id and process_id not in self._sessions:
                break
        self._sessions[process_id] = (b"", cancel)
        return process_id, self._randbytes(KEY_BYTES)

    def give(self, process_id: int, secret: bytes) -> None:
        """What the client is told: from now on that cancels its session."""
        if process_id in self._sessions:
            self._sessions[process_id] = (secret, self._sessions[process_id][1])

    def withdraw(self, process_id: int) -> None:
        """The session has ended."""
        self._sessions.pop(process_id, None)

    def present(self, process_id: int, secret: bytes) -> bool:
        """A CancelRequest came. A wrong or stale key does nothing, and is told nothing."""
        found = self._sessions.get(process_id)
        if found is None or not found[0] or not hmac.compare_digest(found[0], secret):
            return False
        found[1]()
        return True
