"""The parent, before it has any workers: what keeps it from beginning."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pgmaskproxy.config import load_config
from pgmaskproxy.demo.stage import Passwords, Ports, Upstream, write_files
from pgmaskproxy.errors import Unavailable
from pgmaskproxy.workers.brief import Logging
from pgmaskproxy.workers.parent import Parent


async def test_a_port_that_somebody_else_would_share_is_taken(tmp_path: Path) -> None:
    """Or the kernel would deal each of us half of the clients."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        upstream = Upstream("127.0.0.1", 1, "nobody", "", "nothing", "", "18")
        path = write_files(tmp_path, upstream, Passwords(), Ports(port, 0, 0))
        parent = Parent(load_config(path, {}, {"workers": 2}), Logging())
        try:
            with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{port}"):
                await parent.start()
        finally:
            await parent.close()
