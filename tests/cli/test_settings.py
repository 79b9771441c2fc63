"""Where a command's configuration comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.settings import configured, configured_policy
from pgmaskproxy.errors import ConfigError
from tests.cli.files import write


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGMASKPROXY_CONFIG", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_flag_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path)
    assert configured(file).upstream.port == 1
    monkeypatch.setenv("PGMASKPROXY_UPSTREAM__PORT", "2")
    assert configured(file).upstream.port == 2
    assert configured(file, ["upstream.port=3"]).upstream.port == 3


def test_it_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    assert configured(None).upstream.user == "nobody"
    assert len(configured_policy(configured(None)).rules) == 2


def test_there_is_none() -> None:
    with pytest.raises(Failure, match="no configuration file") as caught:
        configured(None)
    assert caught.value.code is Exit.CONFIG


def test_the_environment_alone_may_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGMASKPROXY_UPSTREAM__USER", "u")
    with pytest.raises(ConfigError, match="databases"):
        configured(None)
    monkeypatch.setenv("PGMASKPROXY_UPSTREAM__DATABASES", "d")
    assert configured(None).upstream.user == "u"


@pytest.mark.parametrize("setting", ["", "x", "=x"])
def test_a_senseless_override(tmp_path: Path, setting: str) -> None:
    with pytest.raises(Failure) as caught:
        configured(write(tmp_path), [setting])
    assert caught.value.code is Exit.USAGE
    with pytest.raises(ConfigError, match="nonsense"):
        configured(write(tmp_path), ["nonsense=1"])
