"""The log a process writes: one append-only file per writer, one chain per file.

`<directory>/<writer>.jsonl` holds the chain, `<writer>.lock` the process id of who may append.
A record is there whole or not at all: a write that fails is cut off again, and what a killed
process left unfinished is moved aside at the next start and said so in the chain.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pgmaskproxy
from pgmaskproxy.audit.chain import START, Head, Unrecordable, genesis, timestamp
from pgmaskproxy.audit.line import End, Entry, entry_of
from pgmaskproxy.audit.verify import check_chain
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.model import AuditEvent

_WRITER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESTART: Final = "restart the process: it verifies what is on disk"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AuditLog:
    """Appends events to a writer's chain; safe to call from several threads.

    Opening verifies what is there and raises AuditFailed when the chain is broken, when another
    process holds it, or when the directory cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        writer: str,
        *,
        clock: Callable[[], float] = time.time,
        version: str = pgmaskproxy.__version__,
    ) -> None:
        if not _WRITER.fullmatch(writer):
            raise AuditFailed(f"{writer!r} cannot name an audit file", hint="use letters, digits, . _ and -")
        self.writer = writer
        self.path = directory / f"{writer}.jsonl"
        self._clock = clock
        self._version = version
        self._mutex = threading.Lock()
        self._end = End(START.seq, START.hash)
        self._staged: list[bytes] = []
        self._staged_end = End(START.seq, START.hash)
        self._staging_failed: AuditFailed | None = None
        self._second = -1
        self._moment = ""
        """The present second, as a timestamp begins."""
        self._size = 0
        self._torn = False
        self._dead = ""
        self._fd = -1
        self._lock_fd = -1
        try:
            self._open(directory)
        except OSError as error:
            self.close()
            raise _failed(f"the audit log {self.path} cannot be opened", error) from error
        except AuditFailed:
            self.close()
            raise

    @property
    def head(self) -> Head:
        """The last record written: its seq and hash."""
        return Head(self._end.seq, self._end.hash)

    def write(self, event: AuditEvent, durable: bool) -> None:
        """Append one event. See `write_all`."""
        self.write_all((event,), durable)

    def write_all(self, events: Sequence[AuditEvent | Entry], durable: bool) -> None:
        """Append `events` in order, all or none; returns when they survive kill -9, or a power cut if `durable`.

        Raises AuditFailed (53100 when there is no space, else 58030); nothing is then in the log,
        and a later write goes on where the chain stood. Others write while a disk is waited for.
        """
        with self._mutex:
            self._write_staged()
            end = self._end.copy()
            lines = self._encoded(events, end)
            before = self._size
            self._append(b"".join(lines))
            self._end = end
            after = self._size
            fd = os.dup(self._fd) if durable else -1
        if durable:
            self._sync(fd, before, after)

    def stage(self, events: Sequence[AuditEvent | Entry]) -> None:
        """Take `events` in, to be written with the next `flush` or, in this order, before what is written until then.

        Raises AuditFailed where one cannot be recorded: then none of these is taken.
        """
        with self._mutex:
            end = (self._staged_end if self._staged else self._end).copy()
            lines = self._encoded(events, end)
            self._staged += lines
            self._staged_end = end

    def flush(self) -> None:
        """Write what was staged; returns when it survives kill -9.

        Raises AuditFailed where that is not so of everything staged since the last call.
        """
        with self._mutex:
            try:
                self._write_staged()
            except AuditFailed:
                self._staged, self._staging_failed = [], None
                raise

    def sync(self) -> None:
        """Returns when what was written before this call survives a power cut. Others may write meanwhile.

        Raises AuditFailed; the log takes nothing more then, since only reading the file again could tell what is there.
        """
        with self._mutex:
            if self._dead:
                raise AuditFailed(self._dead, hint=RESTART)
            fd, size = os.dup(self._fd), self._size
        self._sync(fd, size, size)

    def _sync(self, fd: int, before: int, after: int) -> None:
        """Wait for the disk, and close `fd`. What was written from `before` on is cut off again where that fails and
        nobody has written behind `after`."""
        try:
            os.fdatasync(fd)
        except OSError as error:
            # The kernel may have dropped pages of earlier records too, and says so once: nothing may be appended
            # behind a hole. Only reading the file again can tell.
            with self._mutex:
                self._dead = "the audit log could not be made durable"
                if self._size == after:
                    self._size = before
                    self._cut()
            raise _failed(self._dead, error) from error
        finally:
            os.close(fd)

    def _encoded(self, events: Sequence[AuditEvent | Entry], end: End) -> list[bytes]:
        """The lines that follow `end`, which moves behind them. Raises AuditFailed."""
        if self._dead:
            raise AuditFailed(self._dead, hint=RESTART)
        stamp = self._stamp()
        try:
            return [end.follow(event if isinstance(event, Entry) else entry_of(event), stamp) for event in events]
        except Unrecordable as error:
            raise AuditFailed(str(error)) from error

    def _stamp(self) -> str:
        millisecond = int(self._clock() * 1000)
        second = millisecond // 1000
        if second != self._second:
            self._second, self._moment = second, timestamp(second)[:-4]
        return f"{self._moment}{millisecond % 1000:03d}Z"

    def _write_staged(self) -> None:
        """What was staged comes first. Where it cannot be written, whoever staged it hears of it at `flush`."""
        if self._staging_failed is not None:
            raise self._staging_failed
        if not self._staged:
            return
        staged, self._staged = self._staged, []
        try:
            self._append(b"".join(staged))
        except AuditFailed as error:
            self._staging_failed = error
            raise
        self._end = self._staged_end

    def close(self) -> None:
        """Make everything durable and let go of the chain. Idempotent."""
        with self._mutex:
            if self._fd >= 0:
                with contextlib.suppress(AuditFailed):  # nobody is left to hear of it
                    self._write_staged()
            fd, self._fd = self._fd, -1
            lock_fd, self._lock_fd = self._lock_fd, -1
            self._dead = self._dead or "the audit log is closed"
            try:
                if fd >= 0:
                    try:
                        os.fdatasync(fd)
                    finally:
                        os.close(fd)
            except OSError as error:
                raise _failed(f"the audit log {self.path} could not be made durable", error) from error
            finally:
                if lock_fd >= 0:
                    os.close(lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_fd = _take_lock(directory / f"{self.writer}.lock", self.path)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        _sync_directory(directory)
        found = check_chain(self.path, links_only=True)
        if found.problem is not None and not found.problem.torn:
            raise AuditFailed(
                f"the audit log is broken: {found.problem}",
                hint="keep the file as evidence, move it away, and start a new chain",
            )
        self._end, self._size = End(found.head.seq, found.head.hash), found.whole_bytes
        recovered = self._set_aside(directory, found.writer)
        if self.head == START:
            self.write(genesis(self.writer, self._version), durable=True)
        elif found.writer != self.writer:
            raise AuditFailed(f"{self.path} is the chain of writer {found.writer!r}, not of {self.writer!r}")
        if recovered is not None:
            self.write(recovered, durable=True)

    def _set_aside(self, directory: Path, writer: str) -> AuditEvent | None:
        """Move an unfinished last line out of the chain into a file of its own, and tell.

        The file is named for its place, so that a second crash between moving and telling is
        made good at the next start.
        """
        aside = directory / f"{self.writer}.{self._size}.torn"
        rest = os.pread(self._fd, os.fstat(self._fd).st_size - self._size, self._size)
        if rest:
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write(fd, rest)
                os.fsync(fd)
            finally:
                os.close(fd)
            _sync_directory(directory)
            os.ftruncate(self._fd, self._size)
            os.fdatasync(self._fd)
        elif aside.exists():
            rest = aside.read_bytes()
        else:
            return None
        digest = hashlib.sha256(rest).hexdigest()
        return AuditEvent("chain.recovered", data={"bytes": len(rest), "sha256": digest, "file": aside.name})

    def _append(self, data: bytes) -> None:
        if self._dead:
            raise AuditFailed(self._dead, hint=RESTART)
        try:
            if self._torn:
                os.ftruncate(self._fd, self._size)
                self._torn = False
            _write(self._fd, data)
        except OSError as error:
            self._cut()
            raise _failed("the audit log cannot be written", error) from error
        self._size += len(data)

    def _cut(self) -> None:
        """Remove what a failed write left; when even that fails, before the next write."""
        try:
            os.ftruncate(self._fd, self._size)
            self._torn = False
        except OSError:
            self._torn = True


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written_now = os.write(fd, view)  # by itself: compiled, a slice's bound is computed twice
        view = view[written_now:]


def _take_lock(lock: Path, chain: Path) -> int:
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise AuditFailed(
            f"the audit log {chain} is being written by process {holder or 'unknown'}",
            hint="two processes never share a chain: give each its own writer id",
        ) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _failed(what: str, error: OSError) -> AuditFailed:
    return AuditFailed(
        f"{what}: {os.strerror(error.errno or 0)}", sqlstate="53100" if error.errno in _FULL else "58030"
    )
