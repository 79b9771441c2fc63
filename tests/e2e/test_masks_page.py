"""docs/masking.md is as it would be made now: of the kinds' own words, and of what a proxy shows of each example."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from psycopg import sql

from pgmaskproxy.demo.shop import ROLE
from pgmaskproxy.keyring.document import Entry, with_line
from pgmaskproxy.mask.maskers import masker
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import Mask
from tests.e2e.drivers import direct
from tests.e2e.masks_page import CUSTOMS, TOLD, Shown, page
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

PAGE = Path(__file__).parents[2] / "docs" / "masking.md"
KEY = bytes(range(32))


def policy() -> str:
    labels = "".join(
        f'  demo.{kind}: {{columns: ["kinds.t_{kind}.*_*"], {told.mask}}}\n'
        for kind, told in TOLD.items()
        if kind != "custom"
    )
    rules = "rules:\n  - {id: reads, effects: [READ], relations: ['*.*'], decide: allow}\n"
    return f"apiVersion: pgmaskproxy/v1\nkind: Policy\nname: kinds\nlabels:\n{labels}{rules}"


def load(conninfo: str) -> None:
    """A table for each kind, and a column for each of its examples."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE SCHEMA kinds")
        connection.execute("CREATE TYPE kinds.mood AS ENUM ('calm', 'cross')")
        connection.execute("SET search_path = kinds")
        for kind, told in TOLD.items():
            columns = ", ".join(f"e_{at} {of}" for at, (of, _) in enumerate(told.examples))
            values = ", ".join(value for _, value in told.examples)
            connection.execute(f"CREATE TABLE t_{kind} ({columns})".encode())
            connection.execute(f"INSERT INTO t_{kind} VALUES ({values})".encode())
        role = sql.Identifier(ROLE)
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA kinds TO {}").format(role))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA kinds TO {}").format(role))


def row(conninfo: str, kind: str) -> list[tuple[str, int]]:
    """The one row of a kind's table as it is sent in text format, with its columns' types."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.execute(f"SELECT * FROM kinds.t_{kind}".encode())
        found = cursor.pgresult
        assert found is not None
        cells = [found.get_value(0, at) for at in range(found.nfields)]
        return [("NULL" if cell is None else cell.decode(), found.ftype(at)) for at, cell in enumerate(cells)]


def own(value: str, type_oid: int) -> str:
    """What the custom mask of the page makes of a value, by the kernel: it is not installed beside the proxy."""
    mask = Mask("custom", "demo.custom", (("name", "area"),))
    shown = masker(mask, shape_of(type_oid, -1, {}), 0, customs=CUSTOMS).mask(value.encode())
    return "NULL" if shown is None else shown.decode()


def examples(proxy: Proxy) -> dict[str, list[Shown]]:
    found: dict[str, list[Shown]] = {}
    for kind, told in TOLD.items():
        true = row(direct(proxy), kind)
        seen = [own(*each) for each in true] if kind == "custom" else [text for text, _ in row(proxy.conninfo(), kind)]
        found[kind] = [(of, text, shown) for (of, _), (text, _), shown in zip(told.examples, true, seen, strict=True)]
    return found


def test_the_page_is_what_is_shown(shop18: servers.Database, tmp_path: Path) -> None:
    keys = tmp_path / "page.keys"
    keys.touch(mode=0o600)
    keys.write_text(with_line("", Entry("masking", 1, "2026-01-01T00:00:00Z", KEY)), encoding="ascii")
    load(shop18.admin)
    place = tmp_path / "proxy"
    place.mkdir()
    with proxies.in_process(shop18, place, policy=policy(), overrides={"keys.masking.file": str(keys)}) as proxy:
        made = page(examples(proxy))
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made, "docs/masking.md is out of date: `make docs` writes it"
