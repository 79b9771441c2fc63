from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.config import load_config, policy_files
from pgmaskproxy.demo import shop, stage
from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.demo.stage import Passwords, Ports, Upstream
from pgmaskproxy.errors import Unavailable
from pgmaskproxy.keyring.source import read_keys
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.principals import load_principals

UPSTREAM = Upstream("127.0.0.1", 5432, "pgmaskproxy", "upstream password", "shop", "host=127.0.0.1", "18.6")


def test_the_embedded_server_has_the_shop() -> None:
    with stage.embedded(None) as upstream:
        assert upstream.version.startswith("18.")
        assert upstream.password not in repr(upstream)
        with psycopg.connect(
            host=upstream.host,
            port=upstream.port,
            user=upstream.user,
            password=upstream.password,
            dbname=upstream.database,
        ) as connection:
            assert connection.execute("SELECT count(*) FROM customers").fetchone() == (239,)
        with psycopg.connect(upstream.admin) as connection:
            assert len(shop.seeded_values(connection)) > 1000


def test_on_a_running_server_everything_is_made_and_removed() -> None:
    with EmbeddedServer() as server:
        with stage.existing(server.conninfo()) as upstream:
            assert (upstream.host, upstream.port) == (server.host, server.port)
            with psycopg.connect(upstream.admin) as connection:
                assert connection.execute("SELECT count(*) FROM orders").fetchone() == (600,)
            with pytest.raises(Unavailable, match='"shop" already'), stage.existing(server.conninfo()):
                pass
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            left = connection.execute(
                "SELECT datname FROM pg_database WHERE datname = 'shop'"
                " UNION SELECT rolname FROM pg_roles WHERE rolname IN ('shop_owner', 'pgmaskproxy')"
            ).fetchall()
            assert left == []
            connection.execute("CREATE ROLE pgmaskproxy LOGIN PASSWORD 'of another use'")
            with pytest.raises(Unavailable, match="already, which it will not touch: pgmaskproxy"):
                stage.existing(server.conninfo()).__enter__()
            connection.execute("DROP ROLE pgmaskproxy; CREATE ROLE ordinary LOGIN PASSWORD 'p'")
            with pytest.raises(Unavailable, match="superuser"):
                stage.existing(server.conninfo("postgres", "ordinary", "p")).__enter__()


def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        stage.existing("host=127.0.0.1 port=1 user=x dbname=x").__enter__()


@pytest.mark.parametrize("flag", ["--port", "--web-port"])
def test_a_taken_port_is_named_with_the_flag_that_chooses_another(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = Ports(*(taken if each == flag else 0 for each in ("--port", "--web-port", "--metrics-port")))
        with pytest.raises(Unavailable, match=f"port {taken}") as raised:
            stage.usable(ports)
    assert flag in raised.value.hint
    assert stage.usable(ports) == ports


def test_metrics_move_out_of_the_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert stage.usable(Ports(0, 0, other.getsockname()[1])) == Ports(0, 0, 0)


def test_the_files_are_an_operators_and_load(tmp_path: Path) -> None:
    passwords = Passwords()
    path = stage.write_files(tmp_path, UPSTREAM, passwords, Ports(6432, 8432, 9432), "http://127.0.0.1:1/flow")
    config = load_config(path, {})
    assert config.channels["dba-room"].kind == "teams"
    assert config.channels["dba-room"].url.get_secret_value() == "http://127.0.0.1:1/flow"
    assert (config.listen.port, config.web.port, config.metrics.port) == (6432, 8432, 9432)
    assert config.upstream.password is not None
    assert config.upstream.password.get_secret_value() == "upstream password"
    assert config.audit.directory == tmp_path / "audit"
    assert read_keys(config.keys, {}).keyring().versions() == (("masking", 1),)
    policy = load_policies(policy_files(config), kinds())
    assert policy.version
    directory = load_principals(str(config.principals), config.principals.read_text(encoding="utf-8"))
    principal = directory.principal("agent")
    assert principal is not None
    assert (principal.kind, principal.owner) == ("agent", "alice")
    assert {person for person in directory.people if "dba" in directory.people[person].groups} == {"alice", "bob"}
    assert directory.verifier("agent")
    # Passwords are nowhere in the files but as hashes.
    for file in tmp_path.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert not any(secret in text for secret in (passwords.agent, passwords.owner, passwords.second))
    assert (tmp_path / "upstream.password").stat().st_mode & 0o077 == 0
