"""The Unix socket that clients of this machine come by: named as libpq looks for it, and never taken from another."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path
from typing import Final, Self, final

from pgmaskproxy.errors import Unavailable

LONGEST: Final = 107
"""Bytes of a socket's path: sun_path without its zero (unix(7))."""


BACKLOG: Final = 512
"""Connections that wait to be accepted."""


@final
class UnixSocket:
    """A bound socket and its file; `close` removes both. Raises Unavailable when there can be none."""

    def __init__(self, directory: Path, port: int, permissions: int) -> None:
        self.path = directory / f".s.PGSQL.{port}"
        if len(str(self.path).encode()) > LONGEST:
            raise Unavailable(f"cannot listen on {self.path}: longer than {LONGEST} bytes")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind()
            self.path.chmod(permissions)
            self._identity = self._look()
            self.socket.listen(BACKLOG)  # at once: who else starts here sees that somebody is there
        except OSError as error:
            self.socket.close()
            raise Unavailable(f"cannot listen on {self.path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody is there any more."""
        self.socket.close()
        with contextlib.suppress(OSError):
            if self._look() == self._identity:
                self.path.unlink()

    def _look(self) -> tuple[int, int]:
        found = self.path.lstat()
        return found.st_dev, found.st_ino

    def _bind(self) -> None:
        self.socket.setblocking(False)
        # Until it has its permissions nobody else may connect: nobody listens yet.
        try:
            self.socket.bind(str(self.path))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not self.path.is_socket() or self._answers():
                raise
            self.path.unlink()  # of a process that was killed
            self.socket.bind(str(self.path))

    def _answers(self) -> bool:
        """Whether somebody listens on it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            try:
                other.connect(str(self.path))
            except ConnectionRefusedError:
                return False
            return True
