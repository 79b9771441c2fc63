"""What is asked of a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.cli.settings import configured
from pgmaskproxy.cli.upstream import conninfo, probe
from pgmaskproxy.errors import Unavailable
from tests.cli.files import write
from tests.harness.servers import Database


def test_probe(tmp_path: Path, shop_database: Database) -> None:
    server = probe(configured(write(tmp_path, database=shop_database)), shop_database.name)
    assert server.version // 10_000 in {15, 18}
    assert server.role == shop_database.role
    assert server.search_path == ("pg_catalog", "shop", "public")
    assert server.privileges.attributes == frozenset()
    assert server.privileges.predefined == ()
    assert server.no_tree == ""
    assert server.catalog.by_name["shop", "customers"].columns


def test_a_database_that_is_not_there(tmp_path: Path, shop18: Database) -> None:
    with pytest.raises(Unavailable, match="nowhere") as caught:
        probe(configured(write(tmp_path, database=shop18)), "nowhere")
    assert "/nowhere as" in caught.value.detail


def test_the_password_is_only_where_it_belongs(tmp_path: Path) -> None:
    file = write(tmp_path)
    (tmp_path / "upstream.secret").write_text("s3cret'\\ x")
    config = configured(file)
    assert r"password='s3cret\'\\ x'" in conninfo(config, "shop")
    with pytest.raises(Unavailable) as caught:
        probe(config, "shop")
    assert "s3cret" not in caught.value.message + caught.value.detail + caught.value.hint
