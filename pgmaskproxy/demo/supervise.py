"""Run a server until our standard input closes, then stop it and remove its directory.

Whoever starts this keeps the other end of the pipe open: however that process ends (an exception,
SIGTERM, kill -9), the kernel closes the pipe and nothing is left behind. Run as a script, so it
imports the standard library only and nothing of the package:

    python -I -S supervise.py DIRECTORY UID GID LOG PROGRAM ARGUMENT...

UID and GID are `-` where the present account stays. The exit code is the program's own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

PATIENCE = 10.0
"""Seconds the server has for an immediate shutdown before it is killed."""


def supervise(directory: Path, account: tuple[int, int] | None, log: Path, command: list[str]) -> int:
    """Run `command` with its output in `log`; when our standard input ends, stop it and remove `directory`.

    A server that ends by itself leaves the directory: whoever started us is there to read the log.
    """
    with log.open("ab") as output:
        if account is None:
            server = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory
            )
        else:
            server = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                user=account[0],
                group=account[1],
                extra_groups=[],
            )
    asked = threading.Event()
    threading.Thread(target=_stop_at_end_of_input, args=(server, asked), daemon=True).start()
    code = server.wait()
    if asked.is_set():
        shutil.rmtree(directory, ignore_errors=True)
    return code


def _stop_at_end_of_input(server: subprocess.Popen[bytes], asked: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    asked.set()
    # An immediate shutdown: nothing of the cluster is kept, so a checkpoint would be wasted.
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()


def main(arguments: list[str]) -> int:
    """The script: see the module's docstring."""
    directory, uid, gid, log, *command = arguments
    account = None if uid == "-" else (int(uid), int(gid))
    return supervise(Path(directory), account, Path(log), command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
