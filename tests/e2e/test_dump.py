"""pg_dump's schema through the proxy is what it is directly; its data come masked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.commands import policy
from tests.e2e.drivers import direct, psql_environment
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

SERVERS: Final = """\
  - {id: dumps, effects: [READ], relations: [pg_catalog.pg_foreign_server, pg_catalog.pg_attribute], decide: allow}
"""


@pytest.fixture
def dumping(shop_database: servers.Database, tmp_path: Path) -> Iterator[Proxy]:
    """pg_dump reads pg_foreign_server.srvoptions and pg_attribute.attmissingval, which may hold secrets: a rule must
    name them."""
    with proxies.in_process(
        shop_database, tmp_path, policy=policy(("  - {id: reads,", f"{SERVERS}  - {{id: reads,"))
    ) as running:
        yield running
        running.check_bytes()


def _dump(proxy: Proxy, conninfo: str, *arguments: str) -> tuple[str, str]:
    """The lines that are not different from one run to the next, and what it complains of."""
    ended = subprocess.run(
        [str(proxy.database.server.bindir / "pg_dump"), "--schema", "shop", *arguments],
        env=psql_environment(conninfo),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    kept = [line for line in ended.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    return "\n".join(kept), ended.stderr


def test_a_schema_is_dumped_as_directly(dumping: Proxy) -> None:
    seen = _dump(dumping, dumping.conninfo(), "--schema-only")
    assert seen == _dump(dumping, direct(dumping), "--schema-only")
    assert "CREATE TABLE shop.customers" in seen[0]


def test_without_the_rule_it_is_told_which_relation_it_may_not_read(shared_proxy: Proxy) -> None:
    _, complaint = _dump(shared_proxy, shared_proxy.conninfo(), "--schema-only")
    assert "pg_catalog.pg_" in complaint
