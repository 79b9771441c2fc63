"""What `check` says of encryption."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pgmaskproxy.cli.role_checks import Level
from pgmaskproxy.cli.tls_checks import tls_findings
from pgmaskproxy.config import Config
from pgmaskproxy.model import PrincipalKind
from pgmaskproxy.policy.principals import Certificate, Directory, User
from tests.harness.certificates import Authority, encrypted


def said(
    tmp_path: Path,
    listen: dict[str, Any] | None = None,
    upstream: dict[str, Any] | None = None,
    directory: Directory | None = None,
) -> list[tuple[Level, str]]:
    config = Config.model_validate(
        {
            "listen": listen or {},
            "upstream": {"user": "p", "databases": ["shop"], **(upstream or {})},
            "state": f"sqlite:///{tmp_path}/state.db",
            "audit": {"directory": tmp_path},
            "keys": {"directory": tmp_path},
        }
    )
    return [(level, message) for level, message, _ in tls_findings(config, directory)]


def pair(tmp_path: Path) -> dict[str, Any]:
    issued = Authority(tmp_path).server()
    return {"cert": str(issued.cert), "key": str(issued.key)}


def test_nothing_is_said_where_nothing_leaves_this_machine(tmp_path: Path) -> None:
    assert said(tmp_path) == []


def test_a_certificate_that_lasts(tmp_path: Path) -> None:
    ((level, message),) = said(tmp_path, {"tls": pair(tmp_path)})
    assert level == "ok"
    assert "lasts until 20" in message


@pytest.mark.parametrize(("days", "level"), [(20, "warning"), (40, "error")])
def test_one_that_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, level: Level) -> None:
    """Those of tests last 30 days."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + days * 86_400)
    assert [each for each, _ in said(tmp_path, {"tls": pair(tmp_path)})] == [level]


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    issued, other = Authority(tmp_path).server(), Authority(tmp_path, "other").server("other")
    for tls, words in (
        ({"cert": issued.cert, "key": other.key}, "is not the key of this certificate"),
        ({"cert": tmp_path / "none.crt", "key": issued.key}, "cannot be read: No such file"),
        ({"cert": issued.cert, "key": tmp_path / "none.key"}, "cannot be read: No such file"),
        ({"cert": issued.key, "key": issued.key}, "cannot be read: not PEM"),
        ({"cert": issued.cert, "key": encrypted(issued, "hush")}, "cannot be read"),
        ({"cert": issued.cert, "key": issued.key, "client_ca": issued.key}, "cannot be read: not PEM"),
    ):
        ((level, message),) = said(tmp_path, {"tls": {name: str(path) for name, path in tls.items()}})
        assert level == "error"
        assert words in message, message
        assert "hush" not in message
    known = {"cert": str(issued.cert), "key": str(encrypted(issued, "hush")), "key_password": "hush"}
    assert [level for level, _ in said(tmp_path, {"tls": known})] == ["ok"]


def test_a_key_for_everybody(tmp_path: Path) -> None:
    tls = pair(tmp_path)
    Path(tls["key"]).chmod(0o644)
    ((level, message),) = said(tmp_path, {"tls": tls})
    assert (level, "everybody may read" in message) == ("error", True)


def test_other_machines_in_the_clear(tmp_path: Path) -> None:
    assert said(tmp_path, {"host": "0.0.0.0"}) == [("warning", "clients of other machines connect in the clear")]
    tls = pair(tmp_path)
    found = said(tmp_path, {"host": "0.0.0.0", "tls": tls})
    assert [level for level, _ in found] == ["ok", "warning"]
    assert [level for level, _ in said(tmp_path, {"host": "0.0.0.0", "tls": {**tls, "require": True}})] == ["ok"]


def test_logins_that_could_never_be(tmp_path: Path) -> None:
    user = User("by-cn", PrincipalKind.AGENT, None, certificate=Certificate(cn="by-cn"))
    directory = Directory({}, {"by-cn": user})
    ((level, message),) = said(tmp_path, directory=directory)
    assert (level, "by-cn log in by certificate" in message) == ("error", True)
    tls = {**pair(tmp_path), "client_ca": str(tmp_path / "authority.crt")}
    assert [each for each, _ in said(tmp_path, {"tls": tls}, directory=directory)] == ["ok"]


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"sslmode": "disable"}, "warning"),
        ({"sslmode": "require"}, "warning"),
        ({"sslmode": "require", "channel_binding": "require"}, "ok"),
        ({"sslrootcert": "authority.crt"}, "ok"),
        ({"sslrootcert": "none.crt"}, "error"),
    ],
)
def test_the_server(tmp_path: Path, settings: dict[str, str], level: Level) -> None:
    Authority(tmp_path)
    given = {name: str(tmp_path / value) if name == "sslrootcert" else value for name, value in settings.items()}
    assert [each for each, _ in said(tmp_path, upstream={"host": "db.internal", **given})] == [level]
