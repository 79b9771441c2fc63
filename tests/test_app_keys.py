"""Keys at start and at a reload: with a policy that needs one there is one, and what cannot be had changes nothing."""

from __future__ import annotations

import io
import json
import logging
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from pgmaskproxy import app, logs
from pgmaskproxy.config import load_config
from pgmaskproxy.demo.stage import Passwords, Ports
from pgmaskproxy.errors import ConfigError, Unavailable
from pgmaskproxy.keyring.document import read_document, with_line
from pgmaskproxy.mask.keys import Keyring
from tests.harness.servers import Database
from tests.keyring.made import OTHER, SECRET, entry, shown, text
from tests.proxy.stage import Stage, failing, staged, write

KEYED = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: keyed
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: token}}
rules:
  - {id: all, effects: [READ], relations: ["*.*"], decide: allow}
"""


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
async def stage(shop18: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(shop18, tmp_path, policy=KEYED) as made:
        yield made


def keys_of(stage: Stage) -> Path:
    return stage.directory / "keys" / "masking.keys"


def rings(stage: Stage) -> list[Keyring]:
    """Those of every session."""
    return [each._session._link.keys for each in stage.proxy.listener.connections]


def said(log: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [found for line in log.getvalue().splitlines() if (found := json.loads(line))["event"] == event]


# --- at the start ---


async def test_without_the_key_that_a_mask_needs_nothing_starts(shop18: Database, tmp_path: Path) -> None:
    path = write(shop18, tmp_path, Passwords(), 1, Ports(0, 0, 0))
    (tmp_path / "policies" / "default.yaml").write_text(KEYED)
    (tmp_path / "keys" / "masking.keys").unlink()
    with pytest.raises(ConfigError) as raised:
        async with app.running(load_config(path, {})):
            pass
    (problem,) = raised.value.problems
    assert (Path(problem.file).name, problem.line) == ("default.yaml", 6)
    assert problem.message.startswith('label "pii.ssn" is shown by mask token, which needs the key "masking"')
    assert problem.hint == "run `pgmaskproxy key generate`"


async def test_bad_keys_are_said_with_all_else_that_is_wrong(shop18: Database, tmp_path: Path) -> None:
    path = write(shop18, tmp_path, Passwords(), 1, Ports(0, 0, 0))
    (tmp_path / "keys" / "masking.keys").chmod(0o666)
    (tmp_path / "policies" / "default.yaml").write_text("x")
    (tmp_path / "principals.yaml").unlink()
    with pytest.raises(ConfigError) as raised:
        async with app.running(load_config(path, {})):
            pass
    files = {Path(problem.file).name for problem in raised.value.problems}
    assert files == {"default.yaml", "principals.yaml", "masking.keys"}


async def test_a_command_that_fails_is_the_worlds_fault(shop18: Database, tmp_path: Path) -> None:
    path = write(shop18, tmp_path, Passwords(), 1, Ports(0, 0, 0))
    with pytest.raises(Unavailable, match="ended with exit code 1"):
        async with app.running(load_config(path, {}, {"keys.masking.command": "false"})):
            pass


async def test_what_is_in_force_is_recorded_and_every_session_has_it(stage: Stage, log: io.StringIO) -> None:
    assert stage.proxy.services.keys.ring.versions() == (("masking", 1),)
    async with await stage.connect():
        assert [ring.versions() for ring in rings(stage)] == [(("masking", 1),)]
    (there,) = read_document("K", keys_of(stage).read_text()).entries
    (record,) = stage.records("keys.in_force")
    assert record["data"] == {"keys": [str(there)], "gone": []}
    (line,) = said(log, "keys_in_force")
    assert (line["key"], line["path"]) == (str(there), str(keys_of(stage)))


# --- at a reload ---


async def test_a_rotated_key_is_every_sessions_at_once(stage: Stage, log: io.StringIO) -> None:
    async with await stage.connect() as one, await stage.connect() as two:
        path = keys_of(stage)
        path.write_text(with_line(path.read_text(), entry(version=2, secret=OTHER)))
        assert await stage.proxy.reload()
        assert {ring.versions() for ring in rings(stage)} == {(("masking", 1), ("masking", 2))}
        assert len(rings(stage)) == 2
        for connection in (one, two):
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    first, second = stage.records("keys.in_force")
    assert second["data"]["keys"] == [*first["data"]["keys"], str(entry(version=2, secret=OTHER))]
    assert len(said(log, "keys_in_force")) == 2
    assert stage.proxy.metrics.registry.get_sample_value("pgmaskproxy_masking_key_version", {"name": "masking"}) == 2
    assert not shown(log.getvalue() + json.dumps(stage.records()))


async def test_the_same_keys_are_not_said_again(stage: Stage) -> None:
    ring = stage.proxy.services.keys.ring
    assert await stage.proxy.reload()
    assert stage.proxy.services.keys.ring is ring
    assert len(stage.records("keys.in_force")) == 1


@pytest.mark.parametrize("wrong", ["gone", "open", "damaged", "other name", "link"])
async def test_keys_that_cannot_be_had_leave_keys_and_policy_as_they_are(
    stage: Stage, log: io.StringIO, wrong: str
) -> None:
    path = keys_of(stage)
    before, ring = stage.proxy.knowledge.now, stage.proxy.services.keys.ring
    async with await stage.connect() as connection:
        if wrong == "gone":
            path.unlink()
        elif wrong == "open":
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o004)
        elif wrong == "damaged":
            path.write_text(path.read_text()[:-3])
        elif wrong == "other name":
            path.write_text(text(entry("other", secret=SECRET)))
        else:
            path.rename(path.with_name("real"))
            path.symlink_to("real")
        # A change of the policy that comes with it is not taken either.
        stage.rewrite_policy(lambda policy: policy.replace('["*.*.ssn"]', '["*.*.ssn", "*.*.name"]'))
        assert not await stage.proxy.reload()
        assert stage.proxy.knowledge.now is before
        assert stage.proxy.services.keys.ring is ring
        assert rings(stage) == [ring]
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    lines = said(log, "policy_reload_failed")
    assert [Path(line["file"]).name for line in lines] == [
        "default.yaml" if wrong in {"gone", "other name"} else path.name
    ]
    assert stage.records("policy.reloaded")[-1]["data"]["taken"] is False
    assert stage.proxy.metrics.registry.get_sample_value("pgmaskproxy_policy_reload_total", {"outcome": "failed"}) == 1
    assert not shown(log.getvalue())


async def test_a_command_is_asked_again_and_its_failure_changes_nothing(
    shop18: Database, tmp_path: Path, log: io.StringIO
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(text())
    script = tmp_path / "get-keys"
    script.write_text(f"#!/bin/sh\nset -x\ncat {kept} >&2\nexec cat {kept}\n")
    script.chmod(0o700)
    settings: dict[str, str | int | bool] = {"keys.masking.command": str(script), "keys.masking.seconds": 5}
    async with staged(shop18, tmp_path, policy=KEYED, settings=settings) as stage:
        ring = stage.proxy.services.keys.ring
        assert ring.versions() == (("masking", 1),)
        kept.unlink()
        assert not await stage.proxy.reload()
        assert stage.proxy.services.keys.ring is ring
        (line,) = said(log, "policy_reload_failed")
        assert line["reason"] == "the command for the keys, get-keys, ended with exit code 1"
        kept.write_text(text(entry(version=2, secret=OTHER)))
        assert await stage.proxy.reload()
        assert stage.proxy.services.keys.ring.versions() == (("masking", 2),)
        (_, record) = stage.records("keys.in_force")
        assert record["data"]["gone"] == [str(entry())]
    assert not shown(log.getvalue() + (tmp_path / "audit" / "proxy.jsonl").read_text())


async def test_other_keys_come_before_the_policy_that_needs_them(shop18: Database, tmp_path: Path) -> None:
    unkeyed = KEYED.replace("token", "redact")
    async with staged(shop18, tmp_path, policy=unkeyed) as stage:
        keys_of(stage).unlink()
        assert await stage.proxy.reload()
        assert stage.proxy.services.keys.ring.versions() == ()
        stage.rewrite_policy(lambda _policy: KEYED)
        assert not await stage.proxy.reload()
        keys_of(stage).write_text(text())
        keys_of(stage).chmod(0o600)
        async with await stage.connect() as connection:
            assert await stage.proxy.reload()
            assert [ring.versions() for ring in rings(stage)] == [(("masking", 1),)]
            row = await (await connection.execute("SELECT ssn FROM shop.customers LIMIT 1")).fetchone()
            assert row is not None


async def test_a_record_that_cannot_be_written_keeps_no_session_from_its_keys(stage: Stage) -> None:
    """As with the policy: what is decided under it is recorded, or refused."""
    async with await stage.connect():
        keys_of(stage).write_text(text(entry(version=2)))
        with failing(stage.proxy.audit):
            assert await stage.proxy.reload()
        assert [ring.versions() for ring in rings(stage)] == [(("masking", 2),)]
