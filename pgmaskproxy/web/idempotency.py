"""`Idempotency-Key`: the same decision sent twice is one decision, and gets the same answer.

Kept in memory for a day: after a restart the store's own rule (one vote a person) still holds, and
only the second answer's wording differs.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, final

from pgmaskproxy.web.problems import Rejected

SECONDS: Final = 86_400.0
KEYS: Final = 10_000


@final
class Answers:
    """Answers by person and key; at most `keys`, the oldest forgotten first."""

    def __init__(self, clock: Callable[[], float], keys: int = KEYS) -> None:
        self._clock = clock
        self._keys = keys
        self._kept: OrderedDict[tuple[str, str], tuple[str, float, bytes | None]] = OrderedDict()

    async def once(self, person: str, key: str | None, what: str, work: Callable[[], Awaitable[bytes]]) -> bytes:
        """`work()`, or the answer kept for `person` and `key`. `what` is the whole request in words: another one under
        the same key is 422, the same one still running is 409. A `work` that raises leaves nothing behind."""
        if key is None:
            return await work()
        if not key.strip() or len(key) > 255 or not key.isascii() or not key.isprintable():
            raise Rejected(400, "bad_idempotency_key", "Idempotency-Key must be 1 to 255 printable ASCII characters")
        now = self._clock()
        while self._kept and next(iter(self._kept.values()))[1] <= now - SECONDS:
            self._kept.popitem(last=False)
        fingerprint = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()
        kept = self._kept.get((person, key))
        if kept is not None:
            if kept[0] != fingerprint:
                raise Rejected(422, "idempotency_key_reused", "this Idempotency-Key belongs to another request")
            if kept[2] is None:
                raise Rejected(409, "in_progress", "the first request with this Idempotency-Key is still running")
            return kept[2]
        self._kept[(person, key)] = (fingerprint, now, None)
        try:
            answer = await work()
        except BaseException:
            self._kept.pop((person, key), None)
            raise
        self._kept[(person, key)] = (fingerprint, now, answer)
        while len(self._kept) > self._keys:
            self._kept.popitem(last=False)
        return answer
