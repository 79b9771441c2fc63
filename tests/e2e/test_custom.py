"""A mask of the operator's own through a running proxy: its function sees each value, and what it gives is shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import psycopg
import pytest

from pgmaskproxy.errors import ConfigError
from tests.e2e.commands import policy
from tests.harness import proxy as proxies
from tests.harness import servers

CODE: Final = """
def initials(text):
    return ".".join(word[:1] for word in text.split()) + "."

def fails(text):
    raise RuntimeError(text)
"""
CUSTOM: Final = policy(
    (
        'pii.notes:      {columns: ["*.*.notes"], mask: {kind: redact}',
        'pii.notes:      {columns: ["*.*.notes"], mask: {kind: custom, name: initials}',
    ),
    ("mask: {kind: email} ", "mask: {kind: custom, name: fails} "),
)
QUERY: Final = "SELECT notes, email FROM customers WHERE notes IS NOT NULL ORDER BY id LIMIT 3"


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ourmasks.py").write_text(CODE)
    about = tmp_path / "ourmasks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ourmasks\nVersion: 1.0\n")
    names = "initials = ourmasks:initials\nfails = ourmasks:fails\n"
    (about / "entry_points.txt").write_text(f"[pgmaskproxy.masks]\n{names}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ourmasks", raising=False)


@pytest.mark.usefixtures("_installed")
def test_what_it_gives_is_shown_and_where_it_fails_nothing_is(shop18: servers.Database, tmp_path: Path) -> None:
    with psycopg.connect(shop18.upstream) as direct:
        truth = direct.execute(QUERY).fetchall()
    expected = [(".".join(word[:1] for word in notes.split()) + ".", None) for notes, _ in truth]
    with proxies.in_process(shop18, tmp_path, policy=CUSTOM) as proxy:
        for binary in (False, True):
            with proxy.connect() as agent:
                assert agent.execute(QUERY, binary=binary).fetchall() == expected
        with proxy.connect() as agent, agent.cursor().copy(f"COPY ({QUERY}) TO STDOUT") as copy:
            assert [row[0] for row in copy.rows()] == [shown for shown, _ in expected]


def test_without_it_the_proxy_does_not_start(shop18: servers.Database, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r'there are no entry points "fails" in the group pgmaskproxy\.masks'),
        proxies.in_process(shop18, tmp_path, policy=CUSTOM),
    ):
        pass
