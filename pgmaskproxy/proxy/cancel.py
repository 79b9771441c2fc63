"""Cancel keys: the proxy hands out its own, and maps them to sessions (THREATS X6; manual, 53.2.7)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import final


@final
class CancelKeys:
    """Who may cancel what. A key is a process id and a secret; both must be right."""

    def __init__(self, randbytes: Callable[[int], bytes]) -> None:
        self._randbytes = randbytes
        self._sessions: dict[int, tuple[bytes, Callable[[], None]]] = {}

    def __len__(self) -> int:
        """Keys in force."""
        return len(self._sessions)

    def issue(self, cancel: Callable[[], None]) -> tuple[int, bytes]:
        """A process id and a secret key for a new session; `cancel` is called when both are presented."""
        while True:
            process_id = int.from_bytes(self._randbytes(4), "big") & 0x7FFFFFFF
            if process_id and process_id not in self._sessions:
                break
        secret = self._randbytes(4)
        self._sessions[process_id] = (secret, cancel)
        return process_id, secret

    def withdraw(self, process_id: int) -> None:
        """The session has ended."""
        self._sessions.pop(process_id, None)

    def present(self, process_id: int, secret: bytes) -> bool:
        """A CancelRequest came. A wrong or stale key does nothing, and is told nothing."""
        found = self._sessions.get(process_id)
        if found is None or not hmac.compare_digest(found[0], secret):
            return False
        found[1]()
        return True
