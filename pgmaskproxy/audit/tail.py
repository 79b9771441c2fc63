"""Reading a log while it is written: the last records, then each new one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from pgmaskproxy.audit.chain import MAX_RECORD, Record, decode
from pgmaskproxy.audit.verify import audit_files

_CHUNK: Final = 1 << 20


def tail(paths: Sequence[Path], *, last: int = 10, wait: Callable[[], bool] | None = None) -> Iterator[Record]:
    """The `last` records of all chains in `paths` (files or directories) together, oldest first, then new ones.

    `wait` sleeps a moment and says whether to go on; without it the iterator ends after what is
    there. Chains that appear later in a directory are followed too. Each record is checked by
    itself, not that it follows the one before: that is `verify`'s. Raises BadRecord and OSError.
    """
    places: dict[Path, int] = {}
    latest: deque[Record] = deque(maxlen=last)
    for record in sorted(_fresh(paths, places), key=lambda each: each.ts):
        latest.append(record)
    yield from latest
    while wait is not None and wait():
        yield from sorted(_fresh(paths, places), key=lambda each: each.ts)


def _fresh(paths: Sequence[Path], places: dict[Path, int]) -> Iterator[Record]:
    """Whole lines after each file's place; moves the places."""
    for path in audit_files(paths):
        place = places.get(path, 0)
        with path.open("rb") as file:
            file.seek(place)
            rest = b""
            while chunk := file.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    place += len(line) + 1
                    yield decode(line)
                if len(rest) > MAX_RECORD:
                    decode(rest)
        places[path] = place
