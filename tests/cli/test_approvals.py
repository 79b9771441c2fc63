"""Deciding from the command line: as a person, with everything shown, each refusal with its exit code."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from pgmaskproxy.approval.request import State
from pgmaskproxy.model import ApprovalTerms, Parameter
from pgmaskproxy.ports import bind
from tests.cli.conftest import Invoke
from tests.cli.running import Running
from tests.web.stage import EXPORTS, SQL

BOB = {"PGMASKPROXY_PERSON": "bob", "PGMASKPROXY_PASSWORD": "bob's password"}
ALICE = {"PGMASKPROXY_PERSON": "alice", "PGMASKPROXY_PASSWORD": "alice's password"}
CAROL = {"PGMASKPROXY_PERSON": "carol", "PGMASKPROXY_PASSWORD": "carol: päss"}


def at(served: Running, who: dict[str, str]) -> dict[str, str]:
    return who | {"PGMASKPROXY_URL": served.url}


def test_list_and_show(invoke: Invoke, served: Running) -> None:
    request = served.ask()
    listed = invoke("approvals", "list", **at(served, BOB))
    assert listed.exit_code == 0, listed.output
    assert request in listed.stdout
    assert "sales-agent" in listed.stdout
    assert "\x1b" not in listed.stdout, "no colour where stdout is no terminal"
    shown = invoke("approvals", "show", request, **at(served, BOB))
    for fact in (
        *SQL.splitlines(),
        "sales-agent",
        "alice",
        "$1 text = 'O''Hara'",
        "$2 int4 = NULL",
        "policies/shop.yaml:42",
        "INC-123",
    ):
        assert fact in shown.stdout
    assert "ssn: redacted (pii.ssn)" in shown.stdout


def test_json(invoke: Invoke, served: Running) -> None:
    request = served.ask()
    listed = json.loads(invoke("approvals", "list", "--format", "json", **at(served, BOB)).stdout)
    assert [each["id"] for each in listed] == [request]
    shown = json.loads(invoke("approvals", "show", request, "--format", "json", **at(served, BOB)).stdout)
    assert shown["sql"] == SQL


def test_nothing_waits(invoke: Invoke, served: Running) -> None:
    answer = invoke("approvals", "list", **at(served, BOB))
    assert (answer.exit_code, answer.stdout) == (0, "nothing is waiting\n")


def test_approve(invoke: Invoke, served: Running) -> None:
    request = served.ask()
    answer = invoke("approvals", "approve", request, "--reason", "fine", **at(served, BOB))
    assert answer.exit_code == 0, answer.output
    assert answer.stdout == f"{request} approved by bob\n"
    assert served.do(served.stage.broker.get(request)).state is State.APPROVED


def test_approve_one_of_two(invoke: Invoke, served: Running) -> None:
    request = served.ask(terms=(ApprovalTerms(EXPORTS, ("dba",)), ApprovalTerms(EXPORTS, ("privacy",))), owner="dave")
    answer = invoke("approvals", "approve", request, **at(served, ALICE))
    assert answer.stdout == f"{request} approved by alice; 1 more must agree\n"


def test_reject(invoke: Invoke, served: Running) -> None:
    request = served.ask()
    assert invoke("approvals", "reject", request, **at(served, BOB)).exit_code == 2, "a reason is required"
    answer = invoke("approvals", "reject", request, "--reason", "not on Friday", **at(served, BOB))
    assert (answer.exit_code, answer.stdout) == (0, f"{request} rejected by bob\n")


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_who_may_not_decide_exits_77_and_is_told_why(invoke: Invoke, served: Running, verb: str) -> None:
    request = served.ask()
    answer = invoke("approvals", verb, request, "--reason", "x", **at(served, ALICE))
    assert answer.exit_code == 77
    assert "alice answers for sales-agent" in answer.stderr
    assert "next:" in answer.stderr
    assert served.url in answer.stderr
    assert answer.stdout == ""
    assert invoke("approvals", "show", request, **at(served, CAROL)).exit_code == 77


def test_decided_exits_1(invoke: Invoke, served: Running) -> None:
    request = served.ask(terms=(ApprovalTerms(EXPORTS, ("dba", "privacy")),))
    assert invoke("approvals", "reject", request, "--reason", "no", **at(served, BOB)).exit_code == 0
    answer = invoke("approvals", "approve", request, **at(served, CAROL))
    assert answer.exit_code == 1
    assert "rejected" in answer.stderr


def test_unknown_exits_1(invoke: Invoke, served: Running) -> None:
    assert invoke("approvals", "show", "apr_nonsense/../x", **at(served, BOB)).exit_code == 1
    answer = invoke("approvals", "show", "apr_nonsense", **at(served, BOB))
    assert answer.exit_code == 1
    assert "no such request" in answer.stderr


def test_nobody_signed_in_exits_77(invoke: Invoke, served: Running) -> None:
    answer = invoke("approvals", "list", PGMASKPROXY_URL=served.url)
    assert answer.exit_code == 77
    assert "PGMASKPROXY_TOKEN" in answer.stderr


def test_a_wrong_password_exits_77_and_too_many_75(invoke: Invoke, served: Running) -> None:
    wrong = at(served, BOB | {"PGMASKPROXY_PASSWORD": "guess"})
    codes = [invoke("approvals", "list", **wrong).exit_code for _ in range(6)]
    assert codes == [77] * 5 + [75]


def test_a_database_login_exits_77(invoke: Invoke, served: Running) -> None:
    agent = {"PGMASKPROXY_PERSON": "sales-agent", "PGMASKPROXY_PASSWORD": "agent-password"}
    assert invoke("approvals", "list", **at(served, agent)).exit_code == 77


def test_no_password_and_no_terminal_exits_2(invoke: Invoke, served: Running) -> None:
    answer = invoke("approvals", "list", PGMASKPROXY_URL=served.url, PGMASKPROXY_PERSON="bob")
    assert answer.exit_code == 2
    assert "PGMASKPROXY_PASSWORD" in answer.stderr


def test_a_password_from_stdin(invoke: Invoke, served: Running) -> None:
    arguments = ("approvals", "list", "--person", "bob", "--password-stdin", "--url", served.url)
    assert invoke(*arguments, stdin="bob's password\n").exit_code == 0
    assert invoke(*arguments, stdin="").exit_code == 2
    assert invoke(*arguments, stdin="x" * 5000).exit_code == 2


def test_nothing_there_exits_69(invoke: Invoke) -> None:
    with bind("127.0.0.1", 0) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        answer = invoke("approvals", "list", "--url", url, **BOB)
    assert answer.exit_code == 69
    assert url in answer.stderr
    assert "pgmaskproxy serve" in answer.stderr


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://", "http://user:pw@127.0.0.1:1"])
def test_a_senseless_url_exits_2(invoke: Invoke, url: str) -> None:
    assert invoke("approvals", "list", "--url", url, **BOB).exit_code == 2


def test_an_error_as_json(invoke: Invoke, served: Running) -> None:
    answer = invoke("approvals", "show", "apr_x", "--format", "json", **at(served, BOB))
    assert answer.stdout == ""
    error = json.loads(answer.stderr)["error"]
    assert (error["exit_code"], error["what"]) == (1, "there is no such request")


def test_a_request_cannot_rewrite_what_is_shown(invoke: Invoke, served: Running) -> None:
    sql = "DELETE FROM t -- \x1b[2K\rSELECT 1 \u202e"
    request = served.ask(sql=sql, parameters=(Parameter(1, 25, "\x1b]0;x\x07"),))
    for verb in (("show", request), ("list",)):
        answer = invoke("approvals", *verb, **at(served, BOB))
        assert "\x1b" not in answer.output
        assert "\r" not in answer.output
        assert "\u202e" not in answer.output
    shown = invoke("approvals", "show", request, **at(served, BOB)).stdout
    assert "⟨U+001B⟩" in shown
    assert "characters that a screen does not show" in shown


def test_a_token_made_and_used(invoke: Invoke, served: Running) -> None:
    made = invoke("user", "token", "--note", "laptop", **at(served, BOB))
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("pgmp_")
    url = {"PGMASKPROXY_URL": served.url}
    assert invoke("approvals", "list", PGMASKPROXY_TOKEN=token, **url).exit_code == 0
    assert invoke("approvals", "list", PGMASKPROXY_TOKEN="pgmp_wrong", **url).exit_code == 77
    assert invoke("approvals", "list", PGMASKPROXY_TOKEN="two\nlines", **url).exit_code == 2


def test_a_token_file(invoke: Invoke, served: Running, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(invoke("user", "token", **at(served, BOB)).stdout)
    arguments = ("approvals", "list", "--url", served.url, "--token-file")
    assert invoke(*arguments, str(file)).exit_code == 0
    assert invoke(*arguments, str(file) + "x").exit_code == 2


def test_show_waits_until_it_is_decided_or_exits_75(invoke: Invoke, served: Running) -> None:
    request = served.ask()
    assert invoke("approvals", "show", request, "--wait", "0.1", **at(served, BOB)).exit_code == 75

    def decide() -> None:
        person = served.stage.directory.person("bob")
        assert person is not None
        served.do(served.stage.broker.decide(request, person, approve=True))

    deciding = threading.Timer(0.3, decide)
    deciding.start()
    answer = invoke("approvals", "show", request, "--wait", "30", **at(served, BOB))
    deciding.join()
    assert answer.exit_code == 0
    assert "approved" in answer.stdout


def test_watch_tells_each_once_and_leaves_no_token(invoke: Invoke, served: Running) -> None:
    first = served.ask()
    later: list[str] = []
    asking = threading.Timer(0.4, lambda: later.append(served.ask()))
    asking.start()
    answer = invoke(
        "approvals", "watch", "--interval", "0.1", "--timeout", "1.5", "--format", "json", **at(served, BOB)
    )
    asking.join()
    assert answer.exit_code == 0, answer.output
    assert [json.loads(line)["id"] for line in answer.stdout.splitlines()] == [first, *later]
    tokens = served.do(served.stage.store.tokens_of("bob"))
    assert [token.revoked is not None for token in tokens] == [True]


def test_watch_exits_75_when_nothing_came(invoke: Invoke, served: Running) -> None:
    answer = invoke("approvals", "watch", "--interval", "0.1", "--timeout", "0.3", **at(served, BOB))
    assert answer.exit_code == 75
