"""Who is signed in, kept by the server: a browser holds a random id, and here is only its hash.

In memory: a restart signs everybody out, and there is nothing on the disk that could be stolen. Time comes
in; nothing here reads a clock.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

IDLE_SECONDS: Final = 3600.0
"""Without a page asked for; what a page asks for by itself does not count."""

ABSOLUTE_SECONDS: Final = 12 * 3600.0
"""From signing in, whatever happens."""

PER_PERSON: Final = 10
"""Sessions of one person; a further one ends the oldest."""

ALL: Final = 10_000
ID_BYTES: Final = 32


@final
@dataclass(slots=True)
class Session:
    """One browser of one person. `proof` is what they signed in with: another one ends the session."""

    person: str
    proof: str
    created: float
    """Unix seconds."""
    used: float
    """Unix seconds when a page was last asked for."""


@final
class Sessions:
    """At most `ALL`, the one unused the longest forgotten first."""

    def __init__(self, randbytes: Callable[[int], bytes]) -> None:
        self._randbytes = randbytes
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def begin(self, person: str, proof: str, now: float) -> str:
        """A new session's id, 256 random bits: never one that the browser came with."""
        own = [key for key, each in self._kept.items() if each.person == person]
        for key in own[: max(0, len(own) - PER_PERSON + 1)]:
            del self._kept[key]
        session_id = base64.urlsafe_b64encode(self._randbytes(ID_BYTES)).rstrip(b"=").decode()
        self._kept[_key(session_id)] = Session(person, proof, now, now)
        while len(self._kept) > ALL:
            self._kept.popitem(last=False)
        return session_id

    def find(self, session_id: str, now: float, *, use: bool) -> Session | None:
        """The session with this id, if it has not expired; with `use` it stays awake."""
        key = _key(session_id)
        session = self._kept.get(key)
        if session is None:
            return None
        if now >= session.created + ABSOLUTE_SECONDS or now >= session.used + IDLE_SECONDS:
            del self._kept[key]
            return None
        if use:
            session.used = now
            self._kept.move_to_end(key)
        return session

    def end(self, session_id: str) -> None:
        """Ends it, if there is one."""
        self._kept.pop(_key(session_id), None)

    def __len__(self) -> int:
        return len(self._kept)


def proof_of(password_hash: str | None) -> str:
    """What changes when the password does; not the hash itself, of which one copy is enough."""
    return hashlib.sha256((password_hash or "").encode()).hexdigest()


def _key(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
