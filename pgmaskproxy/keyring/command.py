"""A command that prints the keys (a vault's client, `sops -d`): run without a shell, bounded in time and in output.

What it prints is a secret, and what it says on its standard error may hold one: neither is shown in any error.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from pgmaskproxy.errors import ConfigError, Problem, Unavailable
from pgmaskproxy.keyring.document import MAX_CHARACTERS

OURS: Final = ("PGMASKPROXY_", "PGPASSWORD", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
"""Variables that are ours alone: passwords, and how a supervisor is spoken to."""

_CHUNK: Final = 1 << 14


def run_command(argv: Sequence[str], seconds: float, directory: Path, environ: Mapping[str, str]) -> str:
    """What the command prints. ConfigError where it cannot be run at all, or prints what is no keyring for its length;
    Unavailable where it fails or takes longer than `seconds`: then it and what it has started are killed. Blocks."""
    name = Path(argv[0]).name
    inherited = {key: value for key, value in environ.items() if not key.startswith(OURS)}
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=inherited,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "an argument has a NUL in it"
        raise ConfigError([Problem(f"keys.masking.command: {name} cannot be run: {reason}")]) from None
    end = time.monotonic() + seconds
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        printed, complaints = _read(name, process.stdout, process.stderr, end, seconds)
        status = process.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _late(name, seconds) from None
    finally:
        _end(process)
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit code {status}"
        raise Unavailable(f"the command for the keys, {name}, {how}", hint=_hint(complaints))
    return printed.decode("ascii", errors="replace")


def _read(name: str, output: IO[bytes], errors: IO[bytes], end: float, seconds: float) -> tuple[bytes, int]:
    """All of its output, and how much it said besides."""
    printed = bytearray()
    complaints = 0
    with selectors.DefaultSelector() as ready:
        for pipe in (output, errors):
            ready.register(pipe, selectors.EVENT_READ)
        while ready.get_map():
            left = end - time.monotonic()
            if left <= 0:
                raise _late(name, seconds)
            for key, _ in ready.select(left):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    ready.unregister(key.fileobj)
                elif key.fd == output.fileno():
                    printed += chunk
                else:
                    complaints += len(chunk)
            if max(len(printed), complaints) > MAX_CHARACTERS:
                message = f"keys.masking.command: {name} prints more than {MAX_CHARACTERS} bytes, so no keyring"
                raise ConfigError([Problem(message)])
    return bytes(printed), complaints


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it stays: it, what it has started, and the pipes to them."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _late(name: str, seconds: float) -> Unavailable:
    return Unavailable(
        f"the command for the keys, {name}, took longer than {seconds:g} s", hint="keys.masking.seconds is its time"
    )


def _hint(complaints: int) -> str:
    said = (
        f"it said {complaints} bytes on its standard error, not shown for what may be in them; " if complaints else ""
    )
    return f"{said}run it by hand"
