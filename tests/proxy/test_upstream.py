"""The transport to the server, and what is said on it first."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from pgmaskproxy.config_peers import ListenTls, Upstream
from pgmaskproxy.model import Principal, PrincipalKind
from pgmaskproxy.policy.settings import Startup
from pgmaskproxy.proxy import upstream as upstreams
from pgmaskproxy.proxy.certificates import Served, upstream_context
from pgmaskproxy.proxy.tls import TlsStream
from pgmaskproxy.proxy.upstream import TREES, cancel_upstream, connect_upstream, pinned_parameters
from pgmaskproxy.wire.startup import CancelRequest, SSLRequest, StartupBuffer, decode_startup
from tests.harness.certificates import Authority

AGENT = Principal("agent", PrincipalKind.AGENT, owner="alice")


class Owner:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.lost = asyncio.Event()

    def upstream_data(self, data: bytes) -> None:
        self.told.append(data)

    def upstream_lost(self) -> None:
        self.lost.set()

    def upstream_full(self, *, full: bool) -> None:
        self.told.append(full)


def settings(port: int, host: str = "127.0.0.1") -> Upstream:
    return Upstream.model_validate({"host": host, "port": port, "user": "pgmaskproxy", "databases": ["shop"]})


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A peer by hand; its port. Its connections are closed when `serve` returns, and over when this is."""
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*running)


async def test_bytes_and_the_end_reach_the_owner() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))

    owner = Owner()
    async with listening(serve) as port:
        transport = await connect_upstream(owner, settings(port))
        transport.write(b"hello")
        await owner.lost.wait()
    assert owner.told == [b"hello"]


async def test_a_server_that_reads_slowly_says_so() -> None:
    reading = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reading.wait()
        while await reader.read(1 << 20):
            pass

    owner = Owner()
    async with listening(serve) as port:
        transport = await connect_upstream(owner, settings(port))
        transport.write(b"x" * (16 << 20))
        assert owner.told == [True]
        reading.set()
        transport.close()
        await owner.lost.wait()
    assert owner.told == [True, False]


async def test_by_a_socket_s_directory(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"by file")
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / ".s.PGSQL.5432")
    owner = Owner()
    await connect_upstream(owner, settings(5432, str(tmp_path)))
    await owner.lost.wait()
    server.close()
    assert owner.told == [b"by file"]


async def test_nobody_there_is_an_oserror(tmp_path: Path, unused_tcp_port: int) -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        await connect_upstream(Owner(), settings(unused_tcp_port))
    with pytest.raises(FileNotFoundError):
        await connect_upstream(Owner(), settings(5432, str(tmp_path)))


async def test_a_cancel_request_goes_on_a_connection_of_its_own_and_waits_for_its_end() -> None:
    got: list[object] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packet = StartupBuffer()
        packet.feed(await reader.readexactly(16))
        body = packet.next()
        assert body is not None
        request = decode_startup(body)
        assert isinstance(request, CancelRequest)
        got.append((request.process_id, request.secret_key))
        await asyncio.sleep(0.01)
        ended.set()

    async with listening(serve) as port:
        await cancel_upstream(settings(port), 4711, b"key!")
        assert ended.is_set(), "the server acts before it closes"
    assert got == [(4711, b"key!")]


async def test_a_cancel_that_cannot_be_sent_is_no_error(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await cancel_upstream(settings(unused_tcp_port), 4711, b"key!")
    monkeypatch.setattr(upstreams, "CONNECT_SECONDS", 0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(serve) as port:
        await cancel_upstream(settings(port), 4711, b"key!")


# --- the start-up parameters ---


def startup(application: str = "psql", reason: str = "", **parameters: str) -> Startup:
    return Startup("agent", "shop", tuple(parameters.items()), application, reason)


def pinned(given: Startup, attestation: str = "preferred") -> dict[str, str]:
    pairs = pinned_parameters(given, AGENT, "ses_1", attestation)
    assert len(dict(pairs)) == len(pairs), "no name twice: the server takes the last one"
    return dict(pairs)


def test_who_and_what_is_said_upstream() -> None:
    found = pinned(startup(DateStyle="ISO", reason="INC-1"))
    assert found["pgmaskproxy.principal"] == "agent"
    assert found["pgmaskproxy.session_id"] == "ses_1"
    assert found["pgmaskproxy.reason"] == "INC-1"
    assert found["DateStyle"] == "ISO"
    assert found["application_name"] == "psql [pgmaskproxy]"
    assert tuple((name, found[name]) for name, _ in TREES) == TREES


def test_a_client_cannot_say_it_for_us() -> None:
    ours = ("pgmaskproxy.principal", "pgmaskproxy.session_id", "application_name", *(name for name, _ in TREES))
    found = pinned(startup(**dict.fromkeys(ours, "theirs")))
    assert "theirs" not in found.values()


def test_attestation_off_asks_for_no_trees() -> None:
    assert not set(pinned(startup(), "off")) & {name for name, _ in TREES}


@pytest.mark.parametrize("name", ["", "x" * 200, "é" * 100, "🐘" * 40])
def test_an_application_s_name_is_cut_between_characters(name: str) -> None:
    found = pinned(startup(name))["application_name"]
    assert len(found.encode()) <= 63
    assert found.endswith(" [pgmaskproxy]")
    assert name.startswith(found.removesuffix(" [pgmaskproxy]"))


# --- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def encrypted(authority: Authority, port: int, **more: str) -> tuple[Upstream, ssl.SSLContext | None]:
    values = {"host": "127.0.0.1", "port": port, "user": "pgmaskproxy", "databases": ["shop"]}
    upstream = Upstream.model_validate({**values, "sslrootcert": authority.root, **more})
    return upstream, upstream_context(upstream)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"N", "the server has no TLS"),
        (b"E", "the server has no TLS"),  # as of before 7.0, and of who wants the rest read as a message
        (b"SE\0\0\0", "unencrypted data"),  # CVE-2021-23222
        (b"", "the server closed the connection"),
    ],
)
async def test_without_tls_no_word_is_said(authority: Authority, answer: bytes, why: str) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(8))
        writer.write(answer)
        await writer.drain()
        if answer:
            heard.append(await reader.read())

    async with listening(serve) as port:
        with pytest.raises(OSError, match=why):
            await connect_upstream(Owner(), *encrypted(authority, port))
    assert heard[0] == SSLRequest().encode()
    assert heard[1:] in ([], [b""])


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
async def test_no_word_is_said_to_whom_the_certificate_does_not_name(
    authority: Authority, negotiation: str, mode: str
) -> None:
    issued = authority.server("elsewhere", "db.internal")
    served = Served(ListenTls(cert=issued.cert, key=issued.key))
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = TlsStream(served.context, server_side=True)
        if negotiation == "postgres":
            await reader.readexactly(8)
            writer.write(b"S")
        with suppress(ssl.SSLError):
            while data := await reader.read(65536):
                heard.extend(tls.received(data))
                writer.write(tls.outgoing)

    owner = Owner()
    async with listening(serve) as port:
        connecting = connect_upstream(owner, *encrypted(authority, port, sslmode=mode, sslnegotiation=negotiation))
        with suppress(ssl.SSLCertVerificationError):
            stream = await connecting
            stream.write(b"hello")
            assert stream.tls is not None
            assert stream.tls.peer_certificate == issued.der
            stream.close()
            await owner.lost.wait()
    assert heard == ([] if mode == "verify-full" else [b"hello"])
