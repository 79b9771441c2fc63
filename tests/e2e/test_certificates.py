"""Clients' certificates: whose is whose, and that nothing else lets anybody in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from tests.e2e.certified import Certified
from tests.harness import proxy as proxies
from tests.harness.certificates import Authority
from tests.harness.servers import fresh_shop

MASKED = "SELECT ssn, id FROM shop.customers ORDER BY id LIMIT 1"


@pytest.fixture(scope="module")
def tls(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    certified = Certified(tmp_path_factory.mktemp("authority"))
    directory = tmp_path_factory.mktemp("tls")
    overrides = certified.overrides()
    with fresh_shop(pg18) as database, proxies.in_process(database, directory, overrides=overrides) as proxy:
        certified.proxy = proxy
        yield certified


def last(tls: Certified, kind: str) -> dict[str, object]:
    """The data of the last audit record of this kind."""
    records = [json.loads(line) for line in tls.proxy.audit_records().splitlines()]
    data = [each for each in records if each["kind"] == kind][-1]["data"]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("user", ["by-cn", "by-dn", "by-uri", "by-print"])
def test_who_shows_the_certificate_needs_no_password(tls: Certified, user: str) -> None:
    with tls.connect(user, tls.clients[user], password="") as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
    assert last(tls, "session.opened")["authenticated_by"] == "certificate"


def test_where_a_password_is_set_too_both_are_needed(tls: Certified) -> None:
    shown = tls.clients["by-both"]
    with tls.connect("by-both", shown) as connection:
        assert connection.execute(MASKED).fetchone() == ("***", 1)
    assert last(tls, "session.opened")["authenticated_by"] == "certificate+scram-sha-256-plus"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        tls.connect("by-both", shown, password="guess")


@pytest.mark.parametrize("user", ["by-cn", "by-both", "nobody"])
def test_without_one_the_right_password_is_a_wrong_one(tls: Certified, user: str) -> None:
    """And a stranger learns from the answer neither that there is such a login nor what it would take."""
    with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{user}"'):
        tls.connect(user)
    why = "unknown user" if user == "nobody" else "the client has shown no certificate, and this login needs one"
    assert last(tls, "session.refused")["reason"] == why


@pytest.mark.parametrize("user", ["by-dn", "by-uri", "by-print", "by-both"])
def test_somebody_else_s_certificate_is_of_no_use(tls: Certified, user: str) -> None:
    with pytest.raises(
        psycopg.OperationalError, match=f'certificate authentication failed for user "{user}"'
    ) as caught:
        tls.connect(user, tls.clients["by-cn"])
    assert caught.value.sqlstate in {None, "28000"}
    assert last(tls, "session.refused")["sqlstate"] == "28000"


def test_who_has_a_password_may_show_any_certificate_of_ours(tls: Certified) -> None:
    with tls.connect("agent", tls.clients["by-cn"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_certificate_of_another_authority_ends_the_handshake(
    tls: Certified, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It says the right name; so could anybody's."""
    other = Authority(tmp_path_factory.mktemp("other"), "other")
    with pytest.raises(psycopg.OperationalError, match=r"(?i)alert|certificate|closed"):
        tls.connect("by-cn", other.client("by-cn"))


def test_a_server_s_certificate_is_no_client_s(tls: Certified) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"(?i)alert|certificate|closed"):
        tls.connect("by-cn", tls.authority.server("by-cn-server", "by-cn"))


def test_a_revoked_certificate_ends_the_handshake(tls: Certified) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"(?i)alert|revoked|closed"):
        tls.connect("revoked", tls.clients["revoked"])
