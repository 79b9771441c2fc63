"""The statement that plants a canary, on a real server: all of it or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.planting import Place, planted
from pgmaskproxy.model import ColumnRef
from pgmaskproxy.store.protocol import Canary
from pgmaskproxy.store.sqlite import SqliteStore
from tests.harness.servers import Database

SSN = ColumnRef("shop", "customers", "ssn")
ROW = (("name", "Mara O'Hara"), ("email", "m@post.example"), ("card", "1"), ("birth_date", "1970-01-01"), ("city", "X"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(f"sqlite:///{tmp_path}/state.db")
    yield made
    await made.close()


def drawn(*values: str) -> Iterator[Canary]:
    return (Canary(f"can_{value}", value, "pii.ssn", "", str(SSN), 1.0) for value in values)


def test_the_statement_is_quoted() -> None:
    odd = ColumnRef("a b", 'c"d', "E")
    assert (
        Place(odd, [("x", "it's")]).statement("v") == """INSERT INTO "a b"."c""d" ("E", "x") VALUES ('v', 'it''s');"""
    )
    assert Place(SSN, where="id = 3").statement("v") == ("""UPDATE "shop"."customers" SET "ssn" = 'v' WHERE id = 3;""")


async def test_a_new_row_and_one_that_is_there(shop18: Database, store: SqliteStore) -> None:
    new = await planted(shop18.admin, Place(SSN, ROW), store, drawn("900-10-0001"))
    old = await planted(shop18.admin, Place(SSN, where="id = 17"), store, drawn("900-10-0002"))
    with psycopg.connect(shop18.admin) as admin:
        found = admin.execute("SELECT name FROM shop.customers WHERE ssn IN ('900-10-0001', '900-10-0002')").fetchall()
    assert ("Mara O'Hara",) in found
    assert len(found) == 2
    assert await store.canaries() == (new, old)


async def test_a_value_that_a_row_has_is_passed_over(shop18: Database, store: SqliteStore) -> None:
    with psycopg.connect(shop18.admin) as admin:
        row = admin.execute("SELECT ssn FROM shop.customers WHERE id = 5").fetchone()
    assert row is not None
    place = Place(SSN, where="id = 17")
    new = await planted(shop18.admin, place, store, drawn(row[0], "900-10-0003"))
    assert new is not None
    assert new.value == "900-10-0003"
    assert await planted(shop18.admin, place, store, drawn(row[0], "900-10-0003")) is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(SSN), "null value"),
        (Place(ColumnRef("shop", "customers", "card"), where="id < 3"), "2 rows"),
        (Place(SSN, where="id = -1"), "0 rows"),
        (Place(ColumnRef("shop", "nowhere", "ssn")), "does not exist"),
    ],
)
async def test_what_fails_leaves_nothing_to_look_for(
    shop18: Database, store: SqliteStore, place: Place, words: str
) -> None:
    with pytest.raises(Failure, match=words) as caught:
        await planted(shop18.admin, place, store, drawn("900-10-0004"))
    assert caught.value.code is Exit.NEGATIVE
    assert [each for each in await store.canaries() if each.retired is None] == []
    with psycopg.connect(shop18.admin) as admin:
        assert admin.execute("SELECT FROM shop.customers WHERE ssn = '900-10-0004'").rowcount == 0


async def test_a_server_that_is_not_there(store: SqliteStore) -> None:
    with pytest.raises(Failure) as caught:
        await planted("host=127.0.0.1 port=1 connect_timeout=2", Place(SSN), store, drawn("900-10-0005"))
    assert caught.value.code is Exit.UNAVAILABLE
