"""The checks one by one; `test_check` has them together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgmaskproxy.cli.checks import Finding, exit_code, findings_text, people_checks, server_checks, storage_checks
from pgmaskproxy.cli.exits import Exit
from pgmaskproxy.cli.privileges import Privileges
from pgmaskproxy.cli.settings import configured
from pgmaskproxy.cli.upstream import Server
from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.principals import load_principals
from pgmaskproxy.sql.catalog import Catalog
from tests.cli.files import POLICY, PRINCIPALS, write

SERVER = Server(180001, "18.1", "app", ("pg_catalog",), frozenset({"app"}), Catalog(), Privileges())
UPSTREAM = Upstream(user="app", databases={"shop": "shop"})


@pytest.mark.parametrize(("version", "level"), [(140011, "error"), (150000, "ok"), (180006, "ok"), (190000, "error")])
def test_versions(version: int, level: str) -> None:
    finding = next(server_checks(replace(SERVER, version=version), "shop", None, UPSTREAM))
    assert finding.level == level


def test_rights() -> None:
    server = replace(SERVER, privileges=Privileges(attributes=frozenset({"superuser"})))
    for accept, level in (((), "error"), (("superuser",), "warning")):
        upstream = UPSTREAM.model_copy(update={"accept_role": accept})
        findings = list(server_checks(server, "shop", None, upstream))
        assert (findings[1].level, findings[1].message) == (level, "shop: role app is SUPERUSER")


def test_the_worst_decides() -> None:
    broken = Finding("audit", "error", "x", code=Exit.NEGATIVE)
    away = Finding("upstream", "error", "x", code=Exit.UNAVAILABLE)
    bad = Finding("policy", "error", "x")
    fine = Finding("policy", "warning", "x")
    assert exit_code([fine]) is Exit.OK
    assert exit_code([fine, away]) is Exit.UNAVAILABLE
    assert exit_code([away, broken]) is Exit.NEGATIVE
    assert exit_code([away, broken, bad]) is Exit.CONFIG


def test_people() -> None:
    held = POLICY.replace(
        "mask: {kind: email}}", "mask: {kind: email}, uses: {ordering: hold}, approvers: {groups: [privacy]}}"
    )
    policy = load_policies([("p.yaml", held + "  - {id: w, effects: [WRITE], decide: allow}\n")], kinds())
    found = list(people_checks(policy, load_principals("people.yaml", PRINCIPALS)))
    messages = [each.message for each in found]
    assert 'label "pii.email" waits for 1 of privacy, and 0 people are in it' in messages
    (book,) = [each for each in found if "code book" in each.message]
    assert (book.level, book.file, book.line) == ("warning", "p.yaml", 6)
    assert book.message.startswith("sales-agent may write")


def test_text() -> None:
    text = findings_text(
        [Finding("policy", "ok", "fine", hint="unneeded"), Finding("policy", "error", "bad", "f", 3, "do")]
    )
    assert "unneeded" not in text
    assert "f:3: bad" in text
    assert text.endswith("1 errors, 0 warnings")


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    config = configured(write(tmp_path))
    (tmp_path / "audit").write_text("")
    errors = [each for each in storage_checks(config) if each.level == "error"]
    assert [each.area for each in errors] == ["audit"]
    assert errors[0].code is Exit.UNAVAILABLE
