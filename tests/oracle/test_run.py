"""The oracle end to end: a script of our own on real servers, and PostgreSQL's where its path is given."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import Constant
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import ReadStatement, read
from tests.oracle import run as oracle

HERE = Path(__file__).parent
REGRESS = "PGMASKPROXY_REGRESS"


def tally(server: EmbeddedServer, paths: list[Path]) -> oracle.Tally:
    return asyncio.run(oracle.run(server, paths, 1, time.monotonic() + 600))


def test_a_script(server: EmbeddedServer) -> None:
    found = tally(server, [HERE / "sample.sql"])
    assert found.contradictions == []
    assert found.disagreements == []
    assert not found.refused
    assert not found.needless
    assert found.both >= 20
    assert found.both > found.clean > 0


def test_a_script_of_what_is_new(pg18: EmbeddedServer) -> None:
    found = tally(pg18, [HERE / "sample18.sql"])
    assert found.contradictions == []
    assert found.disagreements == []
    assert not found.refused
    assert not found.needless
    assert found.both >= 14


def test_it_sees_a_text_that_says_less(pg18: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(sql: str, catalog: Catalog, search_path: tuple[str, ...]) -> tuple[ReadStatement, ...]:
        found = read(sql, catalog, search_path)
        return tuple(
            replace(
                each, analysis=replace(each.analysis, outputs=tuple(Constant() for _ in each.analysis.outputs or ()))
            )
            for each in found
        )

    monkeypatch.setattr(oracle, "read", lie)
    assert tally(pg18, [HERE / "sample.sql"]).contradictions


def test_postgresqls_own_scripts(server: EmbeddedServer) -> None:
    path = os.environ.get(REGRESS)
    if path is None:
        pytest.skip(f"{REGRESS} does not say where PostgreSQL's src/test/regress/sql is")
    found = tally(server, sorted(Path(path).glob("*.sql")))
    assert found.contradictions == []
    assert found.disagreements == []
    assert found.both > 10_000
