"""TLS to clients, by other people's drivers: every mode, channel binding, cancels, and what must not get in."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest

from pgmaskproxy.demo.server import HOST, EmbeddedServer
from pgmaskproxy.wire.startup import SSLRequest, StartupMessage
from tests.e2e.certified import PASSWORD, Certified
from tests.e2e.commands import eventually
from tests.e2e.raw import Raw, sqlstate
from tests.harness import proxy as proxies
from tests.harness.certificates import Authority
from tests.harness.servers import DEBIAN_15, fresh_shop

LONG = "SELECT count(*) FROM generate_series(1, 1000000000)"
MASKED = "SELECT ssn, id FROM shop.customers ORDER BY id LIMIT 1"
STARTUP = StartupMessage(3, 0, ((b"user", b"agent"), (b"database", b"shop")))


@pytest.fixture(scope="module")
def tls(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    certified = Certified(tmp_path_factory.mktemp("authority"))
    directory = tmp_path_factory.mktemp("tls")
    sockets = tmp_path_factory.mktemp("s")
    overrides = certified.overrides(**{"listen.unix_socket_directory": str(sockets)})
    with fresh_shop(pg18) as database, proxies.in_process(database, directory, overrides=overrides) as proxy:
        certified.proxy = proxy
        yield certified


def opened(tls: Certified) -> dict[str, object]:
    """What the audit log says of the last session that began."""
    records = [json.loads(line) for line in tls.proxy.audit_records().splitlines()]
    data = [each for each in records if each["kind"] == "session.opened"][-1]["data"]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
def test_libpq_in_every_mode(tls: Certified, mode: str, negotiation: str) -> None:
    if (mode, negotiation) == ("prefer", "direct"):
        pytest.skip("libpq itself refuses that")
    with tls.connect(sslmode=mode, sslnegotiation=negotiation) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute(MASKED).fetchone() == ("***", 1)
    assert opened(tls)["tls"] == "TLSv1.3"


def test_a_login_without_tls_is_refused_with_what_to_do(tls: Certified) -> None:
    with pytest.raises(psycopg.OperationalError, match="no login without encryption") as caught:
        tls.connect(sslmode="disable")
    assert "sslmode=require" in str(caught.value)


def test_who_verifies_refuses_another_authority_s_server(
    tls: Certified, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Authority(tmp_path_factory.mktemp("other"), "other")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        tls.connect(sslrootcert=str(other.root))


@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_the_channel_is_bound_if_the_client_wants(tls: Certified, binding: str) -> None:
    with tls.connect(channel_binding=binding) as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
    method = "scram-sha-256" if binding == "disable" else "scram-sha-256-plus"
    assert opened(tls)["authenticated_by"] == method


def test_a_wrong_password_is_wrong_with_a_bound_channel_too(tls: Certified) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        tls.connect(password="guess", channel_binding="require")


@pytest.mark.parametrize("direct", [False, True])
async def test_asyncpg(tls: Certified, direct: bool) -> None:
    context = ssl.create_default_context(cafile=str(tls.authority.root))
    if direct:
        context.set_alpn_protocols(["postgresql"])  # asyncpg leaves that to its user; PostgreSQL insists on it too
    connection = await asyncpg.connect(
        host=HOST,
        port=tls.proxy.port,
        user="agent",
        password=PASSWORD,
        database=tls.proxy.database.name,
        ssl=context,
        direct_tls=direct,
    )
    try:
        assert tuple(await connection.fetchrow(MASKED)) == ("***", 1)
    finally:
        await connection.close()


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="the wheel's psql is built without TLS")
def test_psql(tls: Certified) -> None:
    where = f"host=localhost hostaddr={HOST} port={tls.proxy.port} user=agent dbname={tls.proxy.database.name}"
    found = subprocess.run(
        [DEBIAN_15 / "psql", "-XAt", f"{where} sslmode=verify-full sslrootcert={tls.authority.root}", "-c", MASKED],
        env={"PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (found.stdout, found.stderr) == ("***|1\n", "")


@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_a_cancel_through_tls(tls: Certified, version: str) -> None:
    """With a key of four bytes, and with one of 32."""
    with tls.connect(min_protocol_version=version, max_protocol_version=version) as connection:
        assert connection.pgconn.full_protocol_version == (30000 if version == "3.0" else 30002)
        threading.Timer(0.3, connection.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(LONG)
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="the wheel's psql is built without TLS")
def test_a_cancel_in_plain_text_as_psql_15_still_sends_it(tls: Certified) -> None:
    where = f"host={HOST} port={tls.proxy.port} user=agent dbname={tls.proxy.database.name} sslmode=require"
    psql = subprocess.Popen(
        [DEBIAN_15 / "psql", "-XAt", where, "-c", LONG],
        env={"PGPASSWORD": PASSWORD},
        stderr=subprocess.PIPE,
        text=True,
    )
    with psycopg.connect(tls.proxy.database.admin, autocommit=True) as admin:
        running = "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND state = 'active'"
        eventually(lambda: admin.execute(running, [LONG]).fetchone() == (1,), "the query runs")
    psql.send_signal(signal.SIGINT)
    _, said = psql.communicate(timeout=60)
    assert "canceling statement due to user request" in said


def test_a_large_result_and_a_large_value_come_whole(tls: Certified) -> None:
    with tls.connect() as connection:
        rows = connection.execute(
            "SELECT id, repeat('x', 1000), %s FROM generate_series(1, 20000) id", ["y"]
        ).fetchall()
        assert rows == [(n, "x" * 1000, "y") for n in range(1, 20001)]
        assert connection.execute("SELECT length(%b::text)", ["z" * 200_000]).fetchone() == (200_000,)


# --- the Unix socket


def test_by_the_unix_socket_nobody_listens_in(tls: Certified) -> None:
    directory = tls.proxy.config.listen.unix_socket_directory
    assert directory is not None
    path = directory / f".s.PGSQL.{tls.proxy.port}"
    assert path.stat().st_mode & 0o777 == 0o770
    with psycopg.connect(
        host=str(directory), port=tls.proxy.port, user="agent", password=PASSWORD, dbname=tls.proxy.database.name
    ) as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
    assert (opened(tls)["tls"], opened(tls)["address"]) == ("", "local")
    with socket.socket(socket.AF_UNIX) as plain:  # as PostgreSQL: it would be of no use
        plain.connect(str(path))
        plain.sendall(SSLRequest().encode())
        assert plain.recv(1) == b"N"


# --- bytes


def test_bytes_behind_an_ssl_request_end_the_connection(tls: Certified) -> None:
    """CVE-2021-23214: they would be read as if they had come through TLS."""
    with socket.create_connection((HOST, tls.proxy.port)) as plain:
        raw = Raw(plain)
        raw.send(SSLRequest().encode(), STARTUP.encode())
        (error,) = raw.until_closed()
        assert sqlstate(error) == ("FATAL", "08P01")


@pytest.mark.parametrize("said", [STARTUP.encode(), b"\x16\x03\x01\x00\x05hello", bytes(200)])
def test_after_the_answer_only_tls_is_heard(tls: Certified, said: bytes) -> None:
    with socket.create_connection((HOST, tls.proxy.port)) as plain:
        plain.settimeout(20)
        plain.sendall(SSLRequest().encode())
        assert plain.recv(1) == b"S"
        plain.sendall(said)
        answer = b""
        while data := _received(plain):
            answer += data
        assert answer[:1] in {b"", b"\x15"}, "nothing, or TLS's alert"


def test_direct_tls_without_the_protocol_s_name_is_not_for_us(tls: Certified) -> None:
    """A browser that was led here by somebody who hopes for a confused answer (ALPACA)."""
    context = ssl.create_default_context(cafile=str(tls.authority.root))
    with socket.create_connection((HOST, tls.proxy.port)) as plain:
        plain.settimeout(20)
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(STARTUP.encode())
            assert _received(connection) == b""


def test_tls_within_tls_is_not_asked_for(tls: Certified) -> None:
    context = ssl.create_default_context(cafile=str(tls.authority.root))
    context.set_alpn_protocols(["postgresql"])
    with (
        socket.create_connection((HOST, tls.proxy.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        raw = Raw(connection)
        raw.send(SSLRequest().encode())
        (error,) = raw.until_closed()
        assert sqlstate(error) == ("FATAL", "08P01")


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except (ConnectionResetError, ssl.SSLError):
        return b""


# --- new certificates


def test_a_new_certificate_is_used_as_soon_as_it_is_there(tls: Certified) -> None:
    before = tls.connect()
    server, old = tls.server, tls.server.cert.read_bytes()
    try:
        server.cert.write_text("this is no certificate", encoding="utf-8")
        with tls.connect() as connection:  # the old one, as long as there is no good one
            assert connection.execute("SELECT 1").fetchone() == (1,)
        again = tls.authority.server("again")
        shutil.copy(again.cert, server.cert)
        with tls.connect():  # its key is not there yet: still the old one
            pass
        shutil.copy(again.key, server.key)
        assert _served(tls) == again.der
        with tls.connect(channel_binding="require") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert before.execute("SELECT 1").fetchone() == (1,)
    finally:
        before.close()
    assert old != server.cert.read_bytes()


def _served(tls: Certified) -> bytes | None:
    """The certificate that who connects now is shown."""
    context = ssl.create_default_context(cafile=str(tls.authority.root))
    context.set_alpn_protocols(["postgresql"])
    with (
        socket.create_connection((HOST, tls.proxy.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        return connection.getpeercert(binary_form=True)
