"""The file of pins: read, kept, and what is said when something is not as pinned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from pgmaskproxy.config import load_config
from pgmaskproxy.errors import ConfigError
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.sql.catalog import Catalog, Function
from pgmaskproxy.sql.trust import Trust

EQ = Function(20_001, "public", "citext_eq", "public.citext, public.citext", extension="citext", digest="a1")
CATALOG = Catalog(functions=(EQ,))
CHANGED = Catalog(functions=(replace(EQ, digest="zz"),))
TRUST = Trust(frozenset({"citext"}))


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as found:
        yield found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "trust.lock"


def test_the_first_sight_is_kept(path: Path, logs: list[EventDict]) -> None:
    assert PinFile(TRUST, path).vouch("shop", CATALOG).trusted == {EQ.oid}
    assert EQ.signature in path.read_text()
    assert PinFile(TRUST, path).vouch("shop", CATALOG).trusted == {EQ.oid}
    assert logs == []


def test_a_change_is_noticed_by_the_same_process_and_by_the_next(path: Path, logs: list[EventDict]) -> None:
    metrics = Metrics(process=False)
    pins = PinFile(TRUST, path, metrics)
    pins.vouch("shop", CATALOG)
    before = path.read_text()
    for each in (pins, pins, PinFile(TRUST, path, metrics)):
        assert each.vouch("shop", CHANGED).trusted == frozenset()
    assert path.read_text() == before
    assert len(logs) == 2, "once for each process"
    assert logs[0]["event"] == "not_trusted"
    assert logs[0]["database"] == "shop"
    assert EQ.signature in logs[0]["reason"]
    assert metrics.registry.get_sample_value("pgmaskproxy_trust_broken", {"database": "shop"}) == 1
    assert pins.vouch("shop", CATALOG).trusted == {EQ.oid}
    assert metrics.registry.get_sample_value("pgmaskproxy_trust_broken", {"database": "shop"}) == 0


def test_what_somebody_else_has_pinned_anew_counts_at_once(path: Path, logs: list[EventDict]) -> None:
    running = PinFile(TRUST, path)
    running.vouch("shop", CATALOG)
    assert running.vouch("shop", CHANGED).trusted == frozenset()
    PinFile(TRUST, path).pin("shop", CHANGED)
    assert running.vouch("shop", CHANGED).trusted == {EQ.oid}
    assert len(logs) == 1


def test_a_file_damaged_meanwhile_ends_all_trust(path: Path, logs: list[EventDict]) -> None:
    running = PinFile(TRUST, path)
    running.vouch("shop", CATALOG)
    path.write_text("{")
    assert running.vouch("shop", CATALOG).trusted == frozenset()
    assert logs[0]["event"] == "not_trusted"
    assert path.read_text() == "{"


def test_databases_are_pinned_apart(path: Path) -> None:
    pins = PinFile(TRUST, path)
    pins.vouch("shop", CATALOG)
    assert pins.vouch("logs", CHANGED).trusted == {EQ.oid}
    again = PinFile(TRUST, path)
    assert again.vet("shop", CATALOG).trusted == {EQ.oid}
    assert again.vet("logs", CATALOG).trusted == frozenset()


def test_where_nothing_is_named_no_file_is_asked_for(path: Path, logs: list[EventDict]) -> None:
    pins = PinFile(Trust(), path)
    path.parent.mkdir()
    path.write_text("damaged")
    assert pins.vouch("shop", CATALOG) == CATALOG
    assert logs == []


def test_vetting_writes_nothing(path: Path) -> None:
    assert PinFile(TRUST, path).vet("shop", CATALOG).first_seen == {EQ.oid}
    assert not path.exists()


def test_pinning_anew(path: Path) -> None:
    PinFile(TRUST, path).vouch("shop", CATALOG)
    PinFile(TRUST, path).pin("shop", CHANGED)
    assert PinFile(TRUST, path).vouch("shop", CHANGED).trusted == {EQ.oid}
    assert PinFile(TRUST, path).vouch("shop", CATALOG).trusted == frozenset()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        PinFile(TRUST, tmp_path)


def test_a_damaged_file_is_an_error_and_not_a_new_beginning(path: Path) -> None:
    PinFile(TRUST, path).vouch("shop", CATALOG)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ConfigError, match="no file of pins"):
        PinFile(TRUST, path)


def test_what_cannot_be_kept_is_not_trusted_and_leaves_nothing(
    path: Path, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    PinFile(TRUST, path).vouch("shop", CATALOG)
    before = path.read_text()

    def fails(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    assert PinFile(TRUST, path).vouch("logs", CATALOG).trusted == frozenset()
    assert "cannot be written" in logs[0]["reason"]
    assert [each.name for each in path.parent.iterdir()] == ["trust.lock"]
    assert path.read_text() == before


def test_as_the_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "pgmaskproxy.yaml"
    file.write_text(
        "apiVersion: pgmaskproxy/v1\nkind: Config\nupstream: {user: p, databases: [shop]}\n"
        "trust: {extensions: [citext], functions: ['shop.f()'], lock: x.lock}\n"
    )
    pins = PinFile.of(load_config(file, {}))
    assert pins.trust == Trust(frozenset({"citext"}), frozenset({"shop.f()"}))
    assert pins.path == tmp_path / "x.lock"
