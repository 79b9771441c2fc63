"""Who writes an audit chain and holds requests: the proxy, and each of its workers."""

from __future__ import annotations

from typing import Final

from pgmaskproxy.config_types import MOST_WORKERS

WRITER: Final = "proxy"
"""The process that people talk to; where there are no workers, the only one."""


def writer_of(worker: int) -> str:
    """A worker's, and its successors'."""
    return f"{WRITER}-{worker}"


def all_writers() -> tuple[str, ...]:
    """Everybody who can ever have written beside one state."""
    return (WRITER, *(writer_of(number) for number in range(1, MOST_WORKERS + 1)))
