"""The transport to the server: opened for one client, closed with it; and cancel requests sent there."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, final

from pgmaskproxy.config import Upstream
from pgmaskproxy.model import Principal
from pgmaskproxy.policy.settings import Startup
from pgmaskproxy.wire.startup import CancelRequest

TREES: Final = (
    ("debug_print_rewritten", "on"),
    ("debug_pretty_print", "off"),
    ("client_min_messages", "log"),
    ("log_parameter_max_length_on_error", "0"),
)
"""The server prints each statement's rewritten tree to us (DESIGN 3a); as start-up parameters RESET keeps them."""

SUFFIX: Final = " [pgmaskproxy]"
NAMEDATALEN: Final = 63
CONNECT_SECONDS: Final = 10.0


class Owner(Protocol):
    """The connection an upstream transport belongs to."""

    def upstream_data(self, data: bytes) -> None: ...

    def upstream_lost(self) -> None: ...

    def upstream_full(self, *, full: bool) -> None: ...


@final
class UpstreamProtocol(asyncio.Protocol):
    """Hands everything to its owner."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def data_received(self, data: bytes) -> None:
        self._owner.upstream_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.upstream_lost()

    def pause_writing(self) -> None:
        self._owner.upstream_full(full=True)

    def resume_writing(self) -> None:
        self._owner.upstream_full(full=False)


async def connect_upstream(owner: Owner, upstream: Upstream) -> asyncio.Transport:
    """A connected transport whose bytes go to `owner`. OSError (TimeoutError too) when the server is not there."""
    loop = asyncio.get_running_loop()
    if upstream.host.startswith("/"):
        path = f"{upstream.host}/.s.PGSQL.{upstream.port}"
        opening = loop.create_unix_connection(lambda: UpstreamProtocol(owner), path)
        transport, _ = await asyncio.wait_for(opening, CONNECT_SECONDS)
    else:
        over_tcp = loop.create_connection(lambda: UpstreamProtocol(owner), upstream.host, upstream.port)
        transport, _ = await asyncio.wait_for(over_tcp, CONNECT_SECONDS)
    return transport


async def cancel_upstream(upstream: Upstream, process_id: int, secret_key: bytes) -> None:
    """Ask the server to cancel, on a connection of its own as the protocol wants (manual, 53.2.8)."""

    async def ask() -> None:
        if upstream.host.startswith("/"):
            path = f"{upstream.host}/.s.PGSQL.{upstream.port}"
            reader, writer = await asyncio.open_unix_connection(path)
        else:
            reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
        try:
            writer.write(CancelRequest(process_id, secret_key).encode())
            await writer.drain()
            await reader.read(1)  # it answers nothing and closes: then the signal has been sent
        finally:
            writer.close()

    try:
        await asyncio.wait_for(ask(), CONNECT_SECONDS)
    except OSError:
        return  # as with PostgreSQL, nobody is told whether a cancel had an effect


def pinned_parameters(
    startup: Startup, principal: Principal, session: str, attestation: str
) -> tuple[tuple[str, str], ...]:
    """The start-up parameters of a client's upstream session: its own that may pass, and ours."""
    ours = {
        "application_name": _application_name(startup.application_name),
        "pgmaskproxy.principal": principal.name,
        "pgmaskproxy.session_id": session,
    }
    if startup.reason:
        ours["pgmaskproxy.reason"] = startup.reason
    theirs = {name: value for name, value in startup.parameters if name not in ours}
    trees = dict(TREES) if attestation != "off" else {}
    return tuple({**theirs, **ours, **trees}.items())


def _application_name(name: str) -> str:
    """The client's first, so that dashboards group on it, cut to what a name may have."""
    encoded = name.encode()[: NAMEDATALEN - len(SUFFIX)]
    return encoded.decode(errors="ignore") + SUFFIX
