from __future__ import annotations

import pytest

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.model import Principal, PrincipalKind
from pgmaskproxy.policy.principals import Directory, load_principals, valid_verifier
from pgmaskproxy.wire.scram import make_verifier

VERIFIER = str(make_verifier("secret", b"0123456789abcdef"))
ARGON = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG"
HEADER = "apiVersion: pgmaskproxy/v1\nkind: Principals\n"
GOOD = f"""people:
  - id: alice
    groups: [dba]
    identities: {{email: alice@example.com, slack: U024BE7LH, teams: "29:1a2b", database: alice}}
    password: {ARGON}
  - {{id: bob, groups: [dba, privacy]}}
users:
  - {{name: sales-agent, kind: agent, owner: alice, groups: [agents], verifier: {VERIFIER}}}
  - {{name: alice, kind: human, verifier: {VERIFIER}}}
  - {{name: job, kind: service, owner: bob, verifier: {VERIFIER}}}
"""


def load(text: str) -> Directory:
    return load_principals("p.yaml", HEADER + text)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(problem) for problem in caught.value.problems]


def test_people_and_users_are_read() -> None:
    found = load(GOOD)
    assert found.principal("sales-agent", "10.0.0.1") == Principal(
        "sales-agent", PrincipalKind.AGENT, frozenset({"agents"}), owner="alice", address="10.0.0.1"
    )
    alice = found.person("alice")
    assert alice is not None
    assert alice.identity("slack") == "U024BE7LH"
    assert alice.password_hash == ARGON
    assert found.verifier("alice") == VERIFIER
    assert found.members("dba") == {"alice", "bob"}
    assert found.principal("nobody") is None
    assert found.verifier("nobody") is None
    assert found.person("nobody") is None


def test_a_login_is_the_person_whose_database_identity_it_is() -> None:
    found = load(GOOD)
    human, agent = found.principal("alice"), found.principal("sales-agent")
    assert human is not None
    assert agent is not None
    assert (human.person, human.owner) == ("alice", None)
    assert (agent.person, agent.owner) == (None, "alice")


def test_who_asks_again_is_the_same_and_from_elsewhere_another() -> None:
    directory = load(GOOD)
    name = next(iter(directory.users))
    first = directory.principal(name, "10.0.0.1")
    assert first is directory.principal(name, "10.0.0.1")
    assert [other and other.address for other in (first, directory.principal(name, "10.0.0.2"))] == [
        "10.0.0.1", "10.0.0.2",
    ]  # fmt: skip
    with_certificate = directory.principal(name, "10.0.0.1", "certificate")
    assert with_certificate is not None
    assert with_certificate.authenticated_by == "certificate"
    for number in range(5000):
        directory.principal(name, f"10.0.1.{number}")
    assert len(directory._met) < 5000
    assert directory == load(GOOD)


def test_nothing_secret_is_in_a_repr() -> None:
    found = load(GOOD)
    assert VERIFIER not in repr(found)
    assert "argon2id" not in repr(found)


def test_a_login_that_belongs_to_nobody_could_approve_for_itself() -> None:
    assert problems(f"people: [{{id: alice}}]\nusers:\n  - {{name: alice, kind: human, verifier: {VERIFIER}}}\n") == [
        'p.yaml:5: user "alice" needs "owner", or a person whose identities say "database: alice"'
        " (else that person could approve their own request)"
    ]


def test_every_problem_at_once() -> None:
    text = f"""people:
  - {{id: alice, groups: [], identities: {{database: x, telegram: y}}}}
  - {{id: alice}}
  - {{id: bob, identities: {{database: x}}, password: hunter2}}
  - {{groups: [a]}}
users:
  - {{name: a, kind: agent, verifier: {VERIFIER}}}
  - {{name: b, kind: robot, owner: alcie, verifier: md5abc}}
  - {{name: a, kind: service, owner: bob, verifier: {VERIFIER}}}
  - {{name: c, kind: service, owner: bob}}
usres: []
"""
    found = problems(text)
    assert found == [
        'p.yaml:4: "groups" must be a list with at least one item',
        'p.yaml:4: unknown key "telegram" in identities (did you mean "teams"?)',
        'p.yaml:5: person "alice" twice',
        'p.yaml:6: database identity "x" belongs to both "alice" and "bob"',
        'p.yaml:6: password of person "bob" must be an argon2id hash (make one with `pgmaskproxy user add --person`)',
        'p.yaml:7: a person needs "id"',
        'p.yaml:9: agent "a" needs "owner": the person who answers for it',
        'p.yaml:10: "kind" "robot" must be agent or human or service',
        'p.yaml:10: "verifier" must be a SCRAM-SHA-256 verifier (make one with `pgmaskproxy user scram-verifier`)',
        'p.yaml:10: owner "alcie" is not a person (did you mean "alice"?)',
        'p.yaml:11: user "a" twice',
        'p.yaml:12: a user needs "verifier"',
        'p.yaml:13: unknown key "usres" in the file (did you mean "users"?)',
    ]
    assert not any("hunter2" in line or "md5abc" in line for line in found)


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        "secret",
        "md5" + "0" * 32,
        VERIFIER + "x",
        VERIFIER.replace("$4096:", "$100:"),
        VERIFIER.replace("SCRAM-SHA-256", "SCRAM-SHA-1"),
        VERIFIER.rpartition(":")[0] + ":AAAA",
        VERIFIER.replace("MDEyMzQ1Njc4OWFiY2RlZg==", "AAAA"),
        VERIFIER.replace("MDEyMzQ1Njc4OWFiY2RlZg==", "MDEyMzQ1Njc4OWFiY2RlZg="),
    ],
)
def test_only_whole_verifiers_pass(verifier: str) -> None:
    assert valid_verifier(VERIFIER)
    assert not valid_verifier(verifier)


def test_an_empty_file_has_nobody() -> None:
    assert load("") == Directory({}, {})


def test_lists_must_be_lists() -> None:
    assert problems("people: alice\nusers: {a: b}\n") == [
        'p.yaml:3: "people" must be a list',
        'p.yaml:4: "users" must be a list',
    ]
