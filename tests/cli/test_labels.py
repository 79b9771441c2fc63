"""`pgmaskproxy labels`: what awaits a review, and that it was reviewed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.store.protocol import LabelRecord, Remembered
from pgmaskproxy.store.sqlite import SqliteStore
from tests.cli.conftest import Invoke
from tests.cli.files import write

TAX = ColumnRef("shop", "customers", "tax")
SSN = ColumnRef("shop", "customers", "ssn")
PHONE = ColumnRef("shop", "customers", "phone")
EMAIL = ColumnRef("shop", "customers", "email")
RECORDS = (
    LabelRecord((20001, 3), SSN, TAX, frozenset({"pii.ssn"}), drift="renamed"),
    LabelRecord((20001, 4), EMAIL, EMAIL, frozenset({"pii.email"})),
    LabelRecord((20001, 5), PHONE, PHONE, drift="added"),
)


async def remember(place: Path) -> None:
    store = await SqliteStore.open(f"sqlite:///{place}/state/state.db")
    try:
        assert await store.remember_labels("shop", Remembered("p", "l", RECORDS))
    finally:
        await store.close()


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    write(tmp_path)


def test_nothing_is_known_yet(invoke: Invoke) -> None:
    assert invoke("labels", "list").stdout == "nothing awaits a review\n"
    assert invoke("labels", "accept", "--all").stdout == "nothing awaits a review\n"


def test_list(invoke: Invoke, tmp_path: Path) -> None:
    asyncio.run(remember(tmp_path))
    rows = json.loads(invoke("labels", "list", "--format", "json").stdout)
    assert [(row["column"], row["before"], row["drift"]) for row in rows] == [
        ("shop.customers.tax", "shop.customers.ssn", "renamed"),
        ("shop.customers.phone", "", "added"),
    ]
    assert "keeps its labels" in invoke("labels", "list").stdout
    assert "shop.customers.email" in invoke("labels", "list", "--all").stdout


def test_accept_one_and_then_all(invoke: Invoke, tmp_path: Path) -> None:
    asyncio.run(remember(tmp_path))
    answer = invoke("labels", "accept", "shop.customers.tax")
    assert answer.stdout == "shop.customers.tax is accepted\n"
    assert "two seconds" in answer.stderr
    assert [row["column"] for row in json.loads(invoke("labels", "list", "--format", "json").stdout)] == [
        "shop.customers.phone"
    ]
    assert invoke("labels", "accept", "--all", "--database", "other").stdout == "nothing awaits a review\n"
    assert invoke("labels", "accept", "--all").stdout == "shop.customers.phone is accepted\n"
    assert invoke("labels", "list").stdout == "nothing awaits a review\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("accept",), 2, "name the columns"),
        (("accept", "--all", "shop.customers.tax"), 2, "name the columns"),
        (("accept", "shop.customers.email"), 1, "awaits no review"),
        (("accept", "shop.customers.tax", "shop.customers.nope"), 1, "shop.customers.nope"),
    ],
)
def test_what_cannot_be_accepted(
    invoke: Invoke, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    asyncio.run(remember(tmp_path))
    answer = invoke("labels", *arguments)
    assert answer.exit_code == code
    assert words in answer.stderr
    assert len(json.loads(invoke("labels", "list", "--format", "json").stdout)) == 2
