"""`policy lint`, `schema`, `snapshot` and `explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.files import POLICY, write
from tests.harness.servers import Database

BAD = """\
apiVersion: pgmaskproxy/v1
kind: Policy
name: bad
rules:
  - {id: a, efects: [READ], decide: allow}
  - {id: b, effects: [READ], decide: perhaps}
"""


def test_lint(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    for arguments in ((), ("policies",), ("policies/test.yaml",)):
        answer = invoke("policy", "lint", *arguments)
        assert answer.exit_code == 0, answer.output
        assert answer.stdout.startswith("2 rules, 2 labels, version ")
    assert json.loads(invoke("policy", "lint", "policies", "--format", "json").stdout)["ok"] is True


def test_lint_warns_of_what_is_perhaps_not_meant(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "loose.yaml").write_text(POLICY + "  - {id: writes, effects: [WRITE], decide: allow}\n")
    answer = invoke("policy", "lint", "loose.yaml")
    assert answer.exit_code == 0
    assert "warning: loose.yaml:6: anybody may write x.x.email and reads it with mask email" in answer.stderr
    assert answer.stdout.startswith("3 rules, 2 labels, version ")
    found = json.loads(invoke("policy", "lint", "loose.yaml", "--format", "json").stdout)
    assert [each["line"] for each in found["warnings"]] == [6, 5]


def test_lint_names_every_problem_with_its_place(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "worse.yaml").write_text("kind: [\n")
    answer = invoke("policy", "lint", "bad.yaml", "worse.yaml")
    assert answer.exit_code == 78
    for place in ("bad.yaml:5", "bad.yaml:6", "worse.yaml:"):
        assert place in answer.stderr
    assert "effects" in answer.stderr, "what was meant"
    found = invoke("policy", "lint", "bad.yaml", "--format", "json")
    assert found.exit_code == 78
    problems = json.loads(found.stdout)["problems"]
    assert {each["line"] for each in problems} == {5, 6}


def test_lint_of_nothing(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in ((), ("none.yaml",), ("empty",)):
        answer = invoke("policy", "lint", *arguments)
        assert answer.exit_code == 78
        assert answer.stdout == ""


@pytest.mark.parametrize("kind", ["policy", "principals", "config"])
def test_schema(invoke: Invoke, kind: str) -> None:
    schema = json.loads(invoke("policy", "schema", kind).stdout)
    assert schema["$schema"].startswith("http://json-schema.org/draft-07")
    assert schema["properties"]["kind"] == {"const": kind.capitalize()}


@pytest.fixture
def catalog(invoke: Invoke, tmp_path: Path, shop18: Database) -> Path:
    """A snapshot of the shop; the configuration's server is the real one."""
    write(tmp_path, database=shop18)
    answer = invoke("policy", "snapshot")
    assert answer.exit_code == 0, answer.output
    file = tmp_path / "catalog.json"
    file.write_text(answer.stdout)
    return file


def explained(invoke: Invoke, *arguments: str, code: int = 0, stdin: str | None = None) -> list[dict[str, Any]]:
    answer = invoke("policy", "explain", *arguments, "--format", "json", stdin=stdin)
    assert answer.exit_code == code, answer.output
    found = json.loads(answer.stdout)
    assert isinstance(found, list)
    return found


def test_explain_of_a_masked_read(invoke: Invoke, catalog: Path) -> None:
    """With the server, and without."""
    for source in ((), ("--catalog", str(catalog))):
        (found,) = explained(invoke, "SELECT name, ssn, id + 1 FROM shop.customers", *source)
        assert (found["kind"], found["effects"], found["reads"]) == ("SelectStmt", ["READ"], ["shop.customers"])
        assert found["decision"]["outcome"] == "allow"
        (rule,) = found["decision"]["rules"]
        assert rule["id"] == "reads"
        assert rule["file"].endswith("policies/test.yaml")
        assert (
            rule["line"]
            == POLICY.splitlines().index('  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}') + 1
        )
        name, ssn, expression = found["outputs"]
        assert (name["columns"], name["mask"]) == (["shop.customers.name"], None)
        assert (ssn["labels"], ssn["mask"]["kind"]) == (["pii.ssn"], "redact")
        assert expression["origin"] == "expression"


def test_explain_in_words(invoke: Invoke, catalog: Path) -> None:
    answer = invoke("policy", "explain", "SELECT name, ssn FROM shop.customers", "--catalog", str(catalog))
    assert answer.exit_code == 0, answer.output
    for fact in (
        "SelectStmt",
        "READ",
        "shop.customers",
        "1. shop.customers.name -> as it is",
        "allow",
        "policies/test.yaml:",
    ):
        assert fact in answer.stdout
    assert "2. shop.customers.ssn [pii.ssn] -> redact" in answer.stdout


def test_explain_of_what_is_denied_exits_1(invoke: Invoke, catalog: Path) -> None:
    (found,) = explained(
        invoke, "SELECT name FROM shop.customers WHERE ssn LIKE '1%'", "--catalog", str(catalog), code=1
    )
    assert found["decision"]["outcome"] == "deny"
    assert found["decision"]["refusal"]["sqlstate"] == "42501"
    assert any(use["column"] == "shop.customers.ssn" and use["labels"] == ["pii.ssn"] for use in found["uses"])
    assert all(not output["shown"] for output in found["outputs"])


def test_explain_of_what_is_held(invoke: Invoke, catalog: Path) -> None:
    (found,) = explained(invoke, "CREATE TABLE shop.x (a int)", "--catalog", str(catalog))
    assert found["decision"]["outcome"] == "hold"
    assert found["decision"]["terms"][0]["groups"] == ["dba"]
    answer = invoke("policy", "explain", "CREATE TABLE shop.x (a int)", "--catalog", str(catalog))
    assert "1 of dba within 900 s (30 s in a transaction)" in answer.stdout


def test_explain_reads_stdin_and_several_statements(invoke: Invoke, catalog: Path) -> None:
    found = explained(
        invoke, "-", "--catalog", str(catalog), stdin="SELECT 1; DROP TABLE shop.customers; GRANT x TO y", code=1
    )
    assert [each["decision"]["outcome"] for each in found] == ["allow", "hold", "deny"]


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [("SELEC 1", "42601"), ("SELECT " + "+".join(["1"] * 20_000), "54001"), ("SELECT '\0'", "22021")],
)
def test_explain_of_what_cannot_be_read(invoke: Invoke, catalog: Path, sql: str, sqlstate: str) -> None:
    (found,) = explained(invoke, "-", "--catalog", str(catalog), stdin=sql, code=1)
    assert found["decision"]["refusal"]["sqlstate"] == sqlstate


def test_explain_of_nothing(invoke: Invoke, catalog: Path) -> None:
    answer = invoke("policy", "explain", " -- only a comment", "--catalog", str(catalog))
    assert answer.exit_code == 0
    assert answer.stdout.strip() in {"", "[]"} or "decision" in answer.stdout


def test_whose_statement(invoke: Invoke, catalog: Path, tmp_path: Path) -> None:
    source = ("--catalog", str(catalog), "--policy", "policies/test.yaml")
    assert invoke("policy", "explain", "SELECT 1", *source, "--as", "nobody").exit_code == 2
    (found,) = explained(invoke, "SELECT 1", *source, "--as", "sales-agent")
    assert found["decision"]["outcome"] == "allow"
    (tmp_path / "pgmaskproxy.yaml").unlink()
    (found,) = explained(invoke, "SELECT 1", *source, "--group", "agents", "--kind", "service")
    assert found["decision"]["outcome"] == "allow", "no configuration is needed"


def test_search_path(invoke: Invoke, catalog: Path) -> None:
    source = ("--catalog", str(catalog))
    explained(invoke, "SELECT name FROM customers", *source, code=1)
    explained(invoke, "SELECT name FROM customers", *source, "--search-path", "shop, public")


def test_what_is_no_snapshot(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    answer = invoke("policy", "explain", "SELECT 1", "--catalog", "x.json")
    assert answer.exit_code == 78
    assert "policy snapshot" in answer.stderr
    assert invoke("policy", "explain", "SELECT 1", "--catalog", "none.json").exit_code == 78


def test_an_unreachable_server_exits_69(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    answer = invoke("policy", "explain", "SELECT 1")
    assert answer.exit_code == 69
    assert "127.0.0.1:1/shop" in answer.stderr


def test_terminal_escapes_in_sql_are_shown_not_run(invoke: Invoke, catalog: Path) -> None:
    answer = invoke("policy", "explain", "SELECT '\x1b[2K\u202e'", "--catalog", str(catalog))
    assert "\x1b" not in answer.stdout
    assert "\u202e" not in answer.stdout
