from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.config_keys import Keys
from pgmaskproxy.errors import ConfigError, Unavailable
from pgmaskproxy.keyring.document import NO_DOCUMENT
from pgmaskproxy.keyring.source import Source, Text, read_keys
from tests.keyring.made import entry, shown, text


def keys(place: Path, **masking: object) -> Keys:
    said = {"directory": str(place), **({"masking": masking} if masking else {})}
    return Keys.model_validate(said, context={"base": place})


def keep(path: Path) -> None:
    path.write_text(text())
    path.chmod(0o600)


def test_the_default_file_is_taken_if_it_is_there(tmp_path: Path) -> None:
    said = keys(tmp_path)
    assert read_keys(said, {}) is NO_DOCUMENT
    assert read_keys(keys(tmp_path / "nowhere" / "keys"), {}) is NO_DOCUMENT
    keep(tmp_path / "masking.keys")
    assert str(read_keys(said, {}).newest("masking")) == str(entry())
    (tmp_path / "masking.keys").chmod(0o644)
    with pytest.raises(ConfigError, match="is a secret"):
        read_keys(said, {})


def test_what_cannot_be_looked_at_is_not_taken_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        read_keys(keys(tmp_path / "file"), {})
    (tmp_path / "masking.keys").symlink_to(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="symbolic link"):
        read_keys(keys(tmp_path), {})


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    said = keys(tmp_path, file="k")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_keys(said, {})
    keep(tmp_path / "k")
    assert len(read_keys(said, {}).entries) == 1, "beside the configuration"
    (tmp_path / "k").write_text("")
    with pytest.raises(ConfigError, match="has no keys in it"):
        read_keys(said, {})


def test_a_variable(tmp_path: Path) -> None:
    said = keys(tmp_path, env="MASKING_KEYS")
    keep(tmp_path / "masking.keys")
    with pytest.raises(ConfigError, match="the environment has no MASKING_KEYS"):
        read_keys(said, {})
    assert len(read_keys(said, {"MASKING_KEYS": text()}).entries) == 1
    with pytest.raises(ConfigError) as raised:
        read_keys(said, {"MASKING_KEYS": text() + "x"})
    assert str(raised.value).startswith("$MASKING_KEYS:5: ")
    assert not shown(str(raised.value))


def test_a_command(tmp_path: Path) -> None:
    keep(tmp_path / "k")
    assert len(read_keys(keys(tmp_path, command=["cat", "k"]), {"PATH": "/usr/bin:/bin"}).entries) == 1
    with pytest.raises(Unavailable):
        read_keys(keys(tmp_path, command=["false"]), {"PATH": "/usr/bin:/bin"})
    with pytest.raises(ConfigError) as raised:
        read_keys(keys(tmp_path, command=["grep", "masking", "k"]), {"PATH": "/usr/bin:/bin"})
    assert str(raised.value).startswith("command:1: is no keyring")
    assert not shown(str(raised.value))


def test_a_place_has_words(tmp_path: Path) -> None:
    assert str(Source(keys(tmp_path))) == str(tmp_path / "masking.keys")
    assert str(Source(keys(tmp_path, env="K"))) == "the variable K"
    assert str(Source(keys(tmp_path, command=["/usr/bin/vault", "kv", "get"]))) == "the command vault"
    kinds = [Source(keys(tmp_path, **each)) for each in ({}, {"file": "k"}, {"env": "K"}, {"command": ["c"]})]
    assert [each.kind for each in kinds] == ["file", "file", "env", "command"]
    assert [each.file is None for each in kinds] == [False, False, True, True]


def test_what_was_read_is_in_no_repr() -> None:
    assert not shown(repr(Text("K", text())))
