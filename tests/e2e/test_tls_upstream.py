"""TLS to the server: Debian's PostgreSQL 15 with a certificate, and 18 behind TLS that begins at once."""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgmaskproxy.demo.server import HOST, EmbeddedServer
from pgmaskproxy.errors import ConfigError, Unavailable
from tests.e2e.commands import backend
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.certificates import Authority
from tests.harness.proxy import Proxy
from tests.harness.servers import DEBIAN_15, Database

MASKED = "SELECT ssn, id FROM shop.customers ORDER BY id LIMIT 1"
HOW = "SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = %s"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls15(authority: Authority) -> Iterator[Database]:
    """PostgreSQL 15 that takes no login of the proxy's without TLS; `certified` logs in by its certificate."""
    if not DEBIAN_15.exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed, and the wheel's 18 is built without TLS")
    issued = authority.server()
    hba = ("hostssl all certified 127.0.0.1/32 cert", "hostssl all pgmaskproxy 127.0.0.1/32 scram-sha-256")
    refused = ("hostnossl all certified 127.0.0.1/32 reject", "hostnossl all pgmaskproxy 127.0.0.1/32 reject")
    server = EmbeddedServer(DEBIAN_15, hba=(*hba, *refused), settings={"max_connections": "60"})
    server.start()
    try:
        with psycopg.connect(server.conninfo(), autocommit=True) as admin:
            directory = Path(_one(admin, "SHOW data_directory"))
            for path, name in ((issued.cert, "s.crt"), (issued.key, "s.key"), (authority.root, "ca.crt")):
                _give(directory, name, path.read_bytes())
            for name, value in (("ssl_cert_file", "s.crt"), ("ssl_key_file", "s.key"), ("ssl_ca_file", "ca.crt")):
                admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
            admin.execute("ALTER SYSTEM SET ssl = on")
            admin.execute("SELECT pg_reload_conf()")
            for role in ("pgmaskproxy", "certified"):
                admin.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), servers.PASSWORD)
                )
        with servers.fresh_shop(server) as database:
            with psycopg.connect(database.admin, autocommit=True) as admin:
                admin.execute("GRANT pgmaskproxy TO certified")
            yield database
    finally:
        server.stop()


def _one(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _give(directory: Path, name: str, content: bytes) -> None:
    """A file the server's user owns: it insists on that for a key."""
    path = directory / name
    path.touch(0o600)
    path.write_bytes(content)
    owner = directory.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def proxied(database: Database, directory: Path, **settings: str | int) -> Iterator[Proxy]:
    overrides: dict[str, str | int | bool] = {f"upstream.{name}": value for name, value in settings.items()}
    with proxies.in_process(database, directory, overrides=overrides) as proxy:
        yield proxy
        proxy.check_bytes()


def how(proxy: Proxy, connection: psycopg.Connection) -> tuple[bool, str | None, str | None]:
    """What the server says of the proxy's connection for this client."""
    with psycopg.connect(proxy.database.admin) as admin:
        row = admin.execute(HOW, [backend(connection)]).fetchone()
        assert row is not None
        return row


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_every_mode(tls15: Database, authority: Authority, tmp_path: Path, mode: str) -> None:
    roots = {} if mode == "require" else {"sslrootcert": str(authority.root)}
    with proxied(tls15, tmp_path, sslmode=mode, **roots) as proxy, proxy.connect() as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
        assert how(proxy, connection) == (True, "TLSv1.3", None)


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_another_authority_s_server_is_not_ours(tls15: Database, tmp_path: Path, mode: str) -> None:
    other = Authority(tmp_path, "other")
    with (
        pytest.raises(Unavailable) as caught,
        proxied(tls15, tmp_path, sslmode=mode, sslrootcert=str(other.root)),
    ):
        pass
    assert "certificate verify failed" in f"{caught.value.message} {caught.value.detail}"


def test_without_tls_the_server_takes_nobody_and_neither_do_we(tls15: Database, tmp_path: Path) -> None:
    with pytest.raises(Unavailable), proxied(tls15, tmp_path, sslmode="disable"):
        pass


def test_the_role_s_own_certificate(tls15: Database, authority: Authority, tmp_path: Path) -> None:
    mine = authority.client("certified")
    settings = {
        "user": "certified",
        "password": "",
        "sslrootcert": str(authority.root),
        "sslcert": str(mine.cert),
        "sslkey": str(mine.key),
    }
    with proxied(tls15, tmp_path, **settings) as proxy, proxy.connect() as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
        assert how(proxy, connection)[2] == "/O=The Shop/CN=certified"


def test_a_key_that_everybody_can_read_is_refused(tls15: Database, authority: Authority, tmp_path: Path) -> None:
    mine = authority.client("certified")
    loose = tmp_path / "loose.key"
    shutil.copy(mine.key, loose)
    loose.chmod(0o644)
    settings = {"sslrootcert": str(authority.root), "sslcert": str(mine.cert), "sslkey": str(loose)}
    with pytest.raises(ConfigError) as caught, proxied(tls15, tmp_path, **settings):
        pass
    assert "everybody may read" in caught.value.problems[0].message


@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_the_login_is_bound_to_the_channel(tls15: Database, authority: Authority, tmp_path: Path, binding: str) -> None:
    with (
        proxied(tls15, tmp_path, sslrootcert=str(authority.root), channel_binding=binding) as proxy,
        proxy.connect() as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cancel_goes_by_tls_too(tls15: Database, authority: Authority, tmp_path: Path) -> None:
    with proxied(tls15, tmp_path, sslrootcert=str(authority.root)) as proxy, proxy.connect() as connection:
        threading.Timer(0.3, connection.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_without_tls_is_not_spoken_to(shop18: Database, tmp_path: Path) -> None:
    """The wheel's 18 has none."""
    with pytest.raises(Unavailable) as caught, proxied(shop18, tmp_path, sslmode="require"):
        pass
    assert "SSL" in f"{caught.value.message} {caught.value.detail}"


# --- TLS that begins at once


class _Terminating(socketserver.ThreadingTCPServer):
    """TLS before a server that has none, as a load balancer would do it: it begins at once, with ALPN."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext, to: tuple[str, int]) -> None:
        self.context, self.to = context, to
        super().__init__((HOST, 0), _Relaying)


class _Relaying(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Terminating)
        with (
            suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as inside,
            socket.create_connection(self.server.to) as outside,
        ):
            back = threading.Thread(target=_copy, args=(outside, inside), daemon=True)
            back.start()
            _copy(inside, outside)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("alpn", [True, False])
def test_direct_tls(shop18: Database, authority: Authority, tmp_path: Path, alpn: bool) -> None:
    issued = authority.server("direct")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert, issued.key)
    if alpn:
        context.set_alpn_protocols(["postgresql"])
    with _Terminating(context, (HOST, shop18.server.port)) as before:
        threading.Thread(target=before.serve_forever, daemon=True).start()
        port = int(before.server_address[1])
        settings: dict[str, str | int] = {"sslrootcert": str(authority.root), "sslnegotiation": "direct", "port": port}
        try:
            if alpn:
                with proxied(shop18, tmp_path, **settings) as proxy, proxy.connect() as connection:
                    assert connection.execute(MASKED).fetchone() == ("***", 1)
            else:
                with pytest.raises(Unavailable), proxied(shop18, tmp_path, **settings):
                    pass
        finally:
            before.shutdown()


def test_by_the_server_s_unix_socket(shop_database: Database, tmp_path: Path) -> None:
    where = str(shop_database.server.socket_directory)
    with proxied(shop_database, tmp_path, host=where) as proxy, proxy.connect() as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
        by = "SELECT client_addr IS NULL FROM pg_stat_activity WHERE pid = %s"
        with psycopg.connect(shop_database.admin) as admin:
            assert admin.execute(by, [backend(connection)]).fetchone() == (True,)
        threading.Timer(0.3, connection.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)")
