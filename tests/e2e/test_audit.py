"""The log proves what happened: every step of every statement is there, no value is, and a changed byte shows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.commands import eventually, pgmaskproxy
from tests.e2e.waiting import ask
from tests.harness.proxy import Proxy


def _records(proxy: Proxy) -> list[dict[str, Any]]:
    return [json.loads(line) for line in proxy.audit_records().splitlines()]


def _data(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["data"]
    return found


def _ids(record: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = record["ids"]
    return found


def _of_statement(records: list[dict[str, Any]], fragment: str) -> list[dict[str, Any]]:
    """Every record of the statement whose redacted text has `fragment`, in order."""
    ids = {_ids(each)["statement"] for each in records if fragment in str(_data(each).get("sql", ""))}
    assert len(ids) == 1, f"{fragment}: {len(ids)} statements"
    return [each for each in records if _ids(each).get("statement") in ids]


def test_every_step_of_every_statement(proxy: Proxy) -> None:
    with (
        proxy.connect(application_name="the tests") as connection,
        proxy.person() as bob,
        proxy.person("alice") as alice,
    ):
        connection.execute("SELECT id, ssn FROM customers")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT lower(ssn) FROM customers")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1/(id-id) FROM orders")
        waiting = ask(connection, "UPDATE products SET stock = stock + %s", (98765,))
        approved = waiting.request()
        assert alice.approve(approved).status == 403
        assert bob.approve(approved, "go ahead").status == 200
        waiting.result()
        waiting = ask(connection, "DELETE FROM payments")
        rejected = waiting.request()
        bob.reject(rejected, "no")
        with pytest.raises(psycopg.Error):
            waiting.result()
        waiting = ask(connection, "TRUNCATE orders")
        cancelled = waiting.request()
        connection.cancel_safe()
        with pytest.raises(psycopg.Error):
            waiting.result()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.conninfo(password="wrong"))
    eventually(lambda: b'"session.closed"' in proxy.audit_records(), "its end is not recorded")

    records = _records(proxy)
    kinds = Counter(each["kind"] for each in records)
    assert kinds["session.opened"] == kinds["session.closed"] == kinds["session.refused"] == 1
    read = _of_statement(records, "SELECT id, ssn FROM customers")
    assert [each["kind"] for each in read] == ["statement.decided", "statement.executing", "statement.finished"]
    assert _data(read[0])["outcome"] == "allow"
    assert _data(read[1])["masks"] == [None, "pii.ssn:redact"]
    assert (_data(read[2])["rows"], _data(read[2])["masked_cells"], _data(read[2])["tag"]) == (239, 239, "SELECT 239")

    denied = _of_statement(records, "lower(ssn)")
    assert [(each["kind"], _data(each)["outcome"], _data(each)["sqlstate"]) for each in denied] == [
        ("statement.decided", "deny", "42501")
    ]
    failed = _of_statement(records, "/(id-id)")
    assert _data(failed[-1])["sqlstate"] == "22012"

    held = _of_statement(records, "UPDATE products")
    assert [each["kind"] for each in held] == [
        "statement.decided",
        "approval.requested",
        "approval.vote_refused",
        "approval.voted",
        "approval.approved",
        "approval.released",
        "statement.executing",
        "statement.finished",
    ]
    for request, steps in (
        (approved, ["requested", "vote_refused", "voted", "approved", "released"]),
        (rejected, ["requested", "voted", "rejected"]),
        (cancelled, ["requested", "cancelled"]),
    ):
        found = [
            each["kind"] for each in records if _ids(each).get("request") == request and "approval" in each["kind"]
        ]
        assert found == [f"approval.{step}" for step in steps]
    order = [each["kind"] for each in records if _ids(each).get("request") == approved]
    assert order.index("approval.released") < order.index("statement.executing")
    for fragment in ("DELETE FROM payments", "TRUNCATE orders"):
        assert "statement.executing" not in {each["kind"] for each in _of_statement(records, fragment)}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value


def test_no_literal_no_parameter_and_no_row_value_is_recorded(shared_proxy: Proxy) -> None:
    before = len(shared_proxy.audit_records())
    with shared_proxy.connect() as connection:
        connection.execute("SELECT 'literal-4711', $x$dollar-4712$x$, E'\\x41scaped-4716', 4718471 /* comment-4717 */")
        connection.execute("SELECT %s::text", ["parameter-4713"])
        with connection.cursor().copy("COPY products (id, name, price, stock) FROM STDIN") as copy:
            copy.write_row((4714, "copied-4714", 1, 1))
        connection.execute("DELETE FROM products WHERE name = 'copied-4714'")
        connection.execute("PREPARE p (text) AS SELECT $1")
        connection.execute("EXECUTE p('prepared-4715')")
        connection.execute("SELECT name FROM customers WHERE id = 1")
        waiting = ask(connection, "UPDATE products SET name = name || %s", ("parameter-4719",))
        waiting.request()
        connection.cancel_safe()
        with pytest.raises(psycopg.Error):
            waiting.result()
        for statement in (
            "SELECT 'broken-4720",
            "SELEC 'broken-4721'",
            "SELECT 1 'broken-4724'",
            "SET DateStyle = 'broken-4725'",
            "SET client_encoding = 'broken-4726'",
            "SELECT set_config('broken-4727', 'broken-4728', false)",
            "SET pgmaskproxy.reason = DEFAULT 'broken-4729'",
            "SELECT lower(ssn) FROM customers WHERE name = 'n-4722'",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 'cast-4723'::int")
    text = shared_proxy.audit_records()[before:].decode()
    strings = [value for line in text.splitlines() for value in _strings(json.loads(line)["data"])]
    assert not [
        value for value in strings if re.search("47[12][0-9]", value) and not re.fullmatch("[0-9a-f]{64}", value)
    ]
    assert "Bram Abbott" not in text


@pytest.fixture
def recorded(proxy18: Proxy) -> Path:
    """The log of a proxy that has done something."""
    with proxy18.connect() as connection:
        connection.execute("SELECT ssn FROM customers")
        connection.execute("SELECT * FROM orders")
    return proxy18.config.audit.directory


def test_verify_passes_and_names_the_first_bad_record(recorded: Path, tmp_path: Path) -> None:
    good = pgmaskproxy("audit", "verify", str(recorded))
    assert good.returncode == 0, good.stdout + good.stderr
    (file,) = recorded.glob("*.jsonl")
    data = file.read_bytes()
    lines = data.splitlines(keepends=True)
    copy = tmp_path / "copy"
    copy.mkdir()
    changed = bytearray(lines[3])
    place = changed.index(b'"data":') + 9
    changed[place] ^= 1
    for name, content, wrong in (
        ("a flipped bit", b"".join([*lines[:3], bytes(changed), *lines[4:]]), 4),
        ("a record taken out", b"".join([*lines[:3], *lines[4:]]), 4),
        ("two records exchanged", b"".join([*lines[:3], lines[4], lines[3], *lines[5:]]), 4),
        ("the first one taken out", b"".join(lines[1:]), 1),
        ("the last one cut", data[:-9], len(lines)),
    ):
        (copy / file.name).write_bytes(content)
        bad = pgmaskproxy("audit", "verify", "--format", "json", str(copy))
        assert bad.returncode == 1, name
        first = json.loads(bad.stdout)["problems"][0]
        assert str(wrong) in json.dumps(first), f"{name}: {first}"


def test_tail_shows_what_happened(recorded: Path) -> None:
    shown = pgmaskproxy("audit", "tail", "-n", "100", str(recorded))
    assert shown.returncode == 0, shown.stderr
    assert "SELECT ssn FROM customers" in shown.stdout
    assert "statement.finished" in shown.stdout
