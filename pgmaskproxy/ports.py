"""Ports that are listened on."""

from __future__ import annotations

import socket

from pgmaskproxy.errors import Unavailable


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A TCP socket bound to `host` and `port` (0: any), not yet listening. Raises `Unavailable` naming both.

    With `shared`, other processes of this user may bind the same, and the kernel deals connections out among those
    that listen (SO_REUSEPORT, socket(7)).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="is another process using this port?"
        ) from error
    bound.setblocking(False)
    return bound
