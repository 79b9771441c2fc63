"""`pgmaskproxy check`: all that is wrong at once, with its place and the right exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgmaskproxy.audit.events import server_stopped
from pgmaskproxy.audit.log import AuditLog
from tests.cli.conftest import Invoke
from tests.cli.files import POLICY, PRINCIPALS, write
from tests.harness.servers import PASSWORD, Database


def checked(invoke: Invoke, *arguments: str, code: int) -> list[dict[str, Any]]:
    answer = invoke("check", *arguments, "--format", "json")
    assert answer.exit_code == code, answer.output
    data = json.loads(answer.stdout)
    assert data["exit_code"] == code
    assert data["ok"] == (code == 0)
    findings = data["findings"]
    assert isinstance(findings, list)
    return findings


def said(findings: list[dict[str, Any]], level: str) -> str:
    return "\n".join(
        f"{each['area']} {each.get('file', '')}:{each.get('line', '')} {each['message']}"
        for each in findings
        if each["level"] == level
    )


def test_all_is_well(invoke: Invoke, tmp_path: Path, shop_database: Database) -> None:
    write(tmp_path, database=shop_database)
    answer = invoke("check")
    assert answer.exit_code == 0, answer.output
    assert "0 errors, 1 warnings" in answer.stdout
    assert "alice cannot sign in" in answer.stdout
    assert "PostgreSQL 1" in answer.stdout
    assert "labelled columns" in answer.stdout
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "pgmaskproxy.yaml",
        "policies",
        "principals.yaml",
        "upstream.secret",
    ], "checking makes nothing"


def test_a_configuration_with_several_faults(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "pgmaskproxy.yaml").write_text(
        "apiVersion: pgmaskproxy/v1\nkind: Config\n"
        "listen: {prot: 1}\nupstream: {user: u, port: 99999, databases: [d]}\n"
    )
    findings = checked(invoke, code=78)
    errors = said(findings, "error")
    assert "pgmaskproxy.yaml:3" in errors
    assert "pgmaskproxy.yaml:4" in errors
    answer = invoke("check")
    assert "port" in answer.stdout
    assert "2 errors" in answer.stdout


def test_no_configuration(invoke: Invoke) -> None:
    answer = invoke("check")
    assert answer.exit_code == 78
    assert "-c" in answer.stderr
    assert invoke("check", "-c", "none.yaml").exit_code == 78


def test_policy_principals_and_server_are_wrong_at_once(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path, policy=POLICY + "  - {id: x}\n", people=PRINCIPALS.replace("owner: alice", "owner: alcie"))
    findings = checked(invoke, code=78)
    errors = said(findings, "error")
    assert "policy " in errors
    assert "policies/test.yaml:" in errors
    assert "principals " in errors
    assert "principals.yaml:" in errors
    assert "upstream" in errors, "an unreachable server is told all the same"


def test_more_workers_than_cores(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    assert "64 workers share" in invoke("check", "--offline", "--set", "workers=64").stdout
    assert "workers share" not in invoke("check", "--offline", "--set", "workers=1").stdout


def test_an_unreachable_server_exits_69(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    assert "cannot log in" in said(checked(invoke, code=69), "error")
    checked(invoke, "--offline", code=0)


def test_a_wrong_password_exits_69(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    write(tmp_path, database=shop18)
    (tmp_path / "upstream.secret").write_text("wrong")
    errors = said(checked(invoke, code=69), "error")
    assert "password authentication failed" in errors
    assert "wrong" not in errors


def test_a_role_that_may_too_much(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    write(tmp_path, database=shop18)
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE powerful LOGIN PASSWORD '{PASSWORD}' CREATEROLE REPLICATION BYPASSRLS".encode())
        admin.execute("ALTER ROLE powerful SET log_min_messages = fatal")
        admin.execute("GRANT pg_read_all_data, pg_monitor TO powerful")
        admin.execute("ALTER TABLE shop.customers OWNER TO powerful")
        try:
            powerful = ("--set", "upstream.user=powerful")
            errors = said(checked(invoke, *powerful, code=78), "error")
            for right in (
                "CREATEROLE",
                "REPLICATION",
                "BYPASSRLS",
                "pg_read_all_data",
                "pg_monitor",
                "owns",
                "shop.customers",
            ):
                assert right in errors
            accepted = "upstream.accept_role=createrole,replication,bypassrls,pg_read_all_data,pg_monitor,"
            accepted += "pg_read_all_settings,pg_read_all_stats,pg_stat_scan_tables"
            left = said(checked(invoke, *powerful, "--set", accepted, code=78), "error")
            assert "owns" in left
            assert "BYPASSRLS" not in left
            findings = checked(invoke, *powerful, "--set", f"{accepted},owner", code=0)
            assert "BYPASSRLS" in said(findings, "warning")
        finally:
            admin.execute("DROP OWNED BY powerful CASCADE")
            admin.execute("DROP ROLE powerful")


def test_a_superuser(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    write(tmp_path, database=shop18)
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE super LOGIN SUPERUSER PASSWORD '{PASSWORD}'".encode())
        admin.execute("ALTER ROLE super SET log_min_messages = fatal")
        try:
            errors = said(checked(invoke, "--set", "upstream.user=super", code=78), "error")
        finally:
            admin.execute("DROP ROLE super")
    assert errors.count("role super is") == 1
    assert "SUPERUSER" in errors


def test_labels_and_groups_that_mean_nothing(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    policy = POLICY.replace("*.*.email", "*.*.e_mail").replace("groups: [dba]", "groups: [security]")
    write(tmp_path, database=shop18, policy=policy)
    warnings = said(checked(invoke, code=0), "warning")
    assert 'label "pii.email" is on no column' in warnings
    assert 'rule "schema" waits for 1 of security, and 0 people are in it' in warnings
    assert "test.yaml:6" in warnings


def test_a_transparent_policy_is_said_loudly(invoke: Invoke, tmp_path: Path) -> None:
    policy = "apiVersion: pgmaskproxy/v1\nkind: Policy\nname: open\ntransparent: true\n"
    write(tmp_path, policy=policy)
    warnings = said(checked(invoke, "--offline", code=0), "warning")
    assert "it is transparent: nothing is masked, refused or held" in warnings


def test_a_broken_audit_log_exits_1(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    directory = tmp_path / "audit"
    directory.mkdir()
    with AuditLog(directory, "proxy") as audit:
        for _ in range(3):
            audit.write(server_stopped("end"), durable=False)
    assert "4 records in 1 chains verify" in said(checked(invoke, "--offline", code=0), "ok")
    file = directory / "proxy.jsonl"
    whole = file.read_text()
    file.write_text(whole[:-5])
    assert "torn" in said(checked(invoke, "--offline", code=0), "warning"), "what a killed process leaves"
    file.write_text(whole.replace('"why":"end"', '"why":"fin"', 1))
    errors = said(checked(invoke, "--offline", code=1), "error")
    assert "proxy.jsonl:2" in errors


def test_a_damaged_state_exits_69(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_bytes(b"this is no database" * 100)
    assert "damaged" in said(checked(invoke, "--offline", code=69), "error")


@pytest.mark.parametrize("setting", ["state=sqlite:////proc/x/state.db", "audit.directory=/proc/x"])
def test_what_cannot_be_written_exits_69(invoke: Invoke, tmp_path: Path, setting: str) -> None:
    write(tmp_path)
    errors = said(checked(invoke, "--offline", "--set", setting, code=69), "error")
    assert "cannot be written: /proc" in errors


def test_a_senseless_set_exits_2(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    assert invoke("check", "--set", "listen.port").exit_code == 2
