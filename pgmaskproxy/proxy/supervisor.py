"""What systemd is told: ready, reloading, stopping, alive, and a line for `systemctl status`.

The protocol is one datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names (sd_notify(3), and
sd_watchdog_enabled(3) for the time between signs of life). Thirty lines, since the packages for it are unmaintained or
need libsystemd. Where there is no such socket nothing is sent; where it cannot be reached, the proxy goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final, Self, final

STATUS_SECONDS: Final = 10.0
"""Between looks at whether the status line has changed."""


@final
class Supervisor:
    """One process's side. `address` is a path, or a name with `@` before it; '' tells nobody.

    `watchdog` is in seconds: without a sign of life in that time systemd ends the process; 0 asks for none.
    """

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog
        self._status = ""
        self._socket: socket.socket | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int | None = None) -> Self:
        """As systemd's environment says; a watchdog that is meant for another process (`pid`) is none."""
        meant = environ.get("WATCHDOG_PID", "") in {"", str(os.getpid() if pid is None else pid)}
        microseconds = environ.get("WATCHDOG_USEC", "")
        watchdog = int(microseconds) / 1e6 if meant and microseconds.isdigit() else 0.0
        address = environ.get("NOTIFY_SOCKET", "")
        return cls(address if address[:1] in {"/", "@"} else "", watchdog)

    def ready(self, status: str) -> None:
        """Connections are accepted; also the end of a reload."""
        self._status = status
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Policies and principals are read again; `ready` follows."""
        # The time is for Type=notify-reload, and ignored by Type=notify.
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Nobody new is accepted; what runs may end."""
        self._tell("STOPPING=1", "STATUS=draining")

    async def live(self, status: Callable[[], str]) -> None:
        """For as long as the event loop turns: signs of life, and the status line when it has changed."""
        if not self._address:
            return
        seconds = min(self._watchdog / 2, STATUS_SECONDS) if self._watchdog else STATUS_SECONDS
        while True:
            lines = ["WATCHDOG=1"] if self._watchdog else []
            now = status()
            if now != self._status:
                self._status = now
                lines.append(f"STATUS={now}")
            if lines:
                self._tell(*lines)
            await asyncio.sleep(seconds)

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)  # a full queue must not stop the proxy
        with contextlib.suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), self._address)
