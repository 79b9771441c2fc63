"""The transport to the server: opened for one client, closed with it; and cancel requests sent there."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from functools import partial
from typing import Final, Protocol, cast, final

from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.model import Principal
from pgmaskproxy.policy.settings import Startup
from pgmaskproxy.proxy.stream import Stream
from pgmaskproxy.proxy.tls import ALPN, TlsStream, end_point
from pgmaskproxy.wire.startup import CancelRequest, SSLRequest

TREES: Final = (
    ("debug_print_rewritten", "on"),
    ("debug_pretty_print", "off"),
    ("client_min_messages", "log"),
    ("log_parameter_max_length_on_error", "0"),
)
"""The server prints each statement's rewritten tree to us (DESIGN 3a); as start-up parameters RESET keeps them."""

LEFT_ALONE: Final = (("client_connection_check_interval", "5s"),)
"""While it runs something the server looks so often whether its client is still there, and else gives up: no backend
works on for ever for a client that hung up, or for a proxy that was killed."""

SUFFIX: Final = " [pgmaskproxy]"
NAMEDATALEN: Final = 63
CONNECT_SECONDS: Final = 10.0


class Owner(Protocol):
    """The connection an upstream transport belongs to."""

    def upstream_data(self, data: bytes) -> None: ...

    def upstream_lost(self) -> None: ...

    def upstream_full(self, *, full: bool) -> None: ...


@final
class UpstreamProtocol:
    """Agrees on TLS where there is to be some, then hands everything to its owner (manual, 53.2.10)."""

    def __init__(self, owner: Owner, context: ssl.SSLContext | None, host: str, *, direct: bool) -> None:
        self._owner = owner
        self._tls = None if context is None else TlsStream(context, server_side=False, hostname=host)
        self._direct = direct
        self._asking = False
        self._stream: Stream | None = None
        self.open: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        """Resolved when the server can be spoken to; an OSError when it never will."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but their class.
        self._stream = Stream(cast("asyncio.Transport", transport))
        if self._tls is None:
            self.open.set_result(self._stream)
        elif self._direct:
            self._begin()
        else:
            self._asking = True
            self._stream.write(SSLRequest().encode())

    def data_received(self, data: bytes) -> None:
        assert self._stream is not None
        if self._asking:
            self._answered(data)
            return
        try:
            said = self._stream.received(data)
        except ssl.SSLError as error:
            self._fail(error)
            return
        if not self.open.done() and not self._agreed():
            return
        if said:
            self._owner.upstream_data(said)
        if self._stream.ended:
            self._stream.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.open.done() and not self.open.cancelled() and self.open.exception() is None:
            self._owner.upstream_lost()
        else:
            self._refuse(exc if isinstance(exc, OSError) else ConnectionResetError("the server closed the connection"))

    def eof_received(self) -> None:
        """The transport closes itself."""

    def pause_writing(self) -> None:
        self._owner.upstream_full(full=True)

    def resume_writing(self) -> None:
        self._owner.upstream_full(full=False)

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        if not self.open.cancel() and not self.open.cancelled():
            self.open.exception()  # whoever gave up knows
        if self._stream is not None:
            self._stream.abort()

    def _answered(self, answer: bytes) -> None:
        self._asking = False
        if answer == b"S":
            self._begin()
        elif answer[:1] == b"S":
            # What comes with it was not sent by whom the certificate will name (CVE-2021-23222).
            self._fail(ConnectionError("the server sent unencrypted data after its answer to SSLRequest"))
        else:
            self._fail(ConnectionError("the server has no TLS, and upstream.sslmode wants it"))

    def _begin(self) -> None:
        assert self._stream is not None
        assert self._tls is not None
        self._stream.start_tls(self._tls)
        self._tls.begin()
        self._stream.flush()

    def _agreed(self) -> bool:
        """Whether the handshake is done, and with a PostgreSQL server."""
        assert self._stream is not None
        assert self._tls is not None
        if not self._tls.established:
            return False
        if self._direct and self._tls.alpn != ALPN:
            self._fail(ConnectionError("the server did not agree on ALPN, which sslnegotiation=direct wants"))
            return False
        if self.open.cancelled():
            return False
        self.open.set_result(self._stream)
        return True

    def _fail(self, error: OSError) -> None:
        self._refuse(error)
        if self._stream is not None:
            self._stream.abort()

    def _refuse(self, error: OSError) -> None:
        if not self.open.done():
            self.open.set_exception(error)


async def connect_upstream(owner: Owner, upstream: Upstream, context: ssl.SSLContext | None = None) -> Stream:
    """A connection whose bytes go to `owner`, through TLS by `context` if there is one.

    OSError when the server is not there (TimeoutError), has no TLS, or is not whom its certificate has to name
    (ssl.SSLError).
    """
    protocol = UpstreamProtocol(owner, context, upstream.host, direct=upstream.sslnegotiation == "direct")
    try:
        return await asyncio.wait_for(_connect(upstream, protocol), CONNECT_SECONDS)
    except BaseException:
        protocol.give_up()
        raise


async def _connect(upstream: Upstream, protocol: UpstreamProtocol) -> Stream:
    loop = asyncio.get_running_loop()
    # No function of its own in here: compiled, that and its surroundings hold on to each other.
    factory = partial(_itself, cast("asyncio.Protocol", protocol))  # in all but its class, which is compiled
    if upstream.by_socket:
        await loop.create_unix_connection(factory, f"{upstream.host}/.s.PGSQL.{upstream.port}")
    else:
        await loop.create_connection(factory, upstream.host, upstream.port)
    return await protocol.open


def _itself(protocol: asyncio.Protocol) -> asyncio.Protocol:
    return protocol


def channel_binding(upstream: Upstream, stream: Stream) -> bytes | None:
    """What a login on this connection is bound to (RFC 5929), as far as `upstream` wants that."""
    if stream.tls is None or upstream.channel_binding == "disable":
        return None
    certificate = stream.tls.peer_certificate
    return end_point(certificate) if certificate is not None else None


@final
class _Ending:
    """The owner of a connection that only waits for its end."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def upstream_data(self, data: bytes) -> None:
        """The server answers nothing to a cancel request; whatever it is, it changes nothing."""

    def upstream_lost(self) -> None:
        self.ended.set()

    def upstream_full(self, *, full: bool) -> None:
        """Sixteen bytes fill nothing."""


async def cancel_upstream(
    upstream: Upstream, process_id: int, secret_key: bytes, context: ssl.SSLContext | None = None
) -> None:
    """Ask the server to cancel, on a connection of its own as the protocol wants (manual, 53.2.8)."""
    owner = _Ending()
    # As with PostgreSQL, nobody is told whether a cancel had an effect.
    with contextlib.suppress(OSError):
        stream = await connect_upstream(owner, upstream, context)
        try:
            stream.write(CancelRequest(process_id, secret_key).encode())
            # It closes without a word: then the signal has been sent.
            await asyncio.wait_for(owner.ended.wait(), CONNECT_SECONDS)
        finally:
            stream.close()


def pinned_parameters(
    startup: Startup, principal: Principal, session: str, attestation: str
) -> tuple[tuple[str, str], ...]:
    """The start-up parameters of a client's upstream session: its own that may pass, and ours."""
    ours = {
        "application_name": _application_name(startup.application_name),
        "pgmaskproxy.principal": principal.name,
        "pgmaskproxy.session_id": session,
    }
    if startup.transparent:
        del ours["application_name"]
    if startup.reason:
        ours["pgmaskproxy.reason"] = startup.reason
    theirs = {name: value for name, value in startup.parameters if name not in ours}
    trees = dict((*TREES, *LEFT_ALONE)) if attestation != "off" else {}
    return tuple({**theirs, **ours, **trees}.items())


def _application_name(name: str) -> str:
    """The client's first, so that dashboards group on it, cut to what a name may have."""
    encoded = name.encode()[: NAMEDATALEN - len(SUFFIX)]
    return encoded.decode(errors="ignore") + SUFFIX
