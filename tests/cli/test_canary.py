"""`pgmaskproxy canary`: what is planted is remembered, and never shown whole again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Invoke
from tests.cli.files import write
from tests.harness.servers import Database

PLANT = ("canary", "plant", "--label", "pii.ssn", "--column", "shop.customers.ssn")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    write(tmp_path)


def test_plant_prints_the_statement_and_list_what_is_looked_for(invoke: Invoke) -> None:
    answer = invoke(*PLANT, "--where", "id = 17")
    assert answer.exit_code == 0, answer.output
    found = re.fullmatch(
        r"""UPDATE "shop"."customers" SET "ssn" = '(9\d\d-\d\d-\d{4})' WHERE id = 17;\n""", answer.stdout
    )
    assert found
    assert "privileges of your own" in answer.stderr
    listed = invoke("canary", "list")
    assert "pii.ssn" in listed.stdout
    assert f"{found[1][:2]}...{found[1][-2:]}" in listed.stdout
    assert found[1] not in listed.output
    (row,) = json.loads(invoke("canary", "list", "--format", "json").stdout)
    assert (row["column"], row["database"], row["state"]) == ("shop.customers.ssn", "shop", "watched")


def test_kinds_values_and_other_columns(invoke: Invoke) -> None:
    said = json.loads(invoke(*PLANT, "--kind", "card", "--with", "name=O'Hara", "--format", "json").stdout)
    assert re.fullmatch(
        r"""INSERT INTO "shop"."customers" \("ssn", "name"\) VALUES \('9999\d{12}', 'O''Hara'\);""", said["statement"]
    )
    assert "'mara-secret-1'" in invoke(*PLANT, "--value", "mara-secret-1").stdout
    again = invoke(*PLANT, "--value", "mara-secret-1")
    assert again.exit_code == 1
    assert "before" in again.stderr


def test_retire(invoke: Invoke) -> None:
    planted = json.loads(invoke(*PLANT, "--format", "json").stdout)["id"]
    assert invoke("canary", "retire", planted).exit_code == 0
    assert "no canaries" in invoke("canary", "list").stdout
    assert "retired" in invoke("canary", "list", "--all").stdout
    assert invoke("canary", "retire", planted).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--label", "pii.ssm", "--column", "shop.customers.ssn"), "pii.ssn"),
        (("--label", "pii.ssn", "--column", "shop.customers.name"), "cut off"),
        (("--label", "pii.ssn", "--column", "customers.ssn"), "schema.table.column"),
        (("--label", "pii.ssn", "--column", "*.*.ssn"), "schema.table.column"),
        ((*PLANT[2:], "--value", "123"), "by accident"),
        ((*PLANT[2:], "--with", "name"), "COLUMN=VALUE"),
        ((*PLANT[2:], "--with", "name=x", "--where", "id = 1"), "--where"),
        ((*PLANT[2:], "--database", "other"), "shop"),
    ],
)
def test_wrong_usage(invoke: Invoke, arguments: tuple[str, ...], words: str) -> None:
    answer = invoke("canary", "plant", *arguments)
    assert answer.exit_code == 2
    assert words in answer.stderr
    assert "no canaries" in invoke("canary", "list").stdout


def test_execute(invoke: Invoke, tmp_path: Path, shop_database: Database) -> None:
    write(tmp_path, database=shop_database)
    answer = invoke(*PLANT, "--where", "id = 17", "--execute", shop_database.admin)
    assert answer.exit_code == 0, answer.output
    with psycopg.connect(shop_database.admin) as admin:
        row = admin.execute("SELECT ssn FROM shop.customers WHERE id = 17").fetchone()
    assert row is not None
    assert row[0] in answer.stdout
    refused = invoke(*PLANT, "--execute", shop_database.upstream)
    assert refused.exit_code == 1
    assert "null value" in refused.stderr
