"""What is said of a role and its server, and how loudly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgmaskproxy.cli.privileges import Index, Privileges
from pgmaskproxy.cli.role_checks import Level, role_findings, view_findings
from pgmaskproxy.cli.upstream import Server
from pgmaskproxy.config_peers import Upstream
from pgmaskproxy.model import ColumnRef
from pgmaskproxy.sql.catalog import Catalog, Relation

SSN = ColumnRef("shop", "customers", "ssn")
EMAIL = ColumnRef("shop", "customers", "email")
LABELLED = frozenset({SSN, EMAIL})
CATALOG = Catalog(relations=(Relation(1, "shop", "customers", "r", (), owner="boss"),))
SERVER = Server(180001, "18.1", "app", (), frozenset({"app"}), CATALOG, Privileges())
UPSTREAM = Upstream(user="app", databases={"shop": "shop"})


def found(server: Server, **settings: Any) -> list[tuple[Level, str]]:
    upstream = UPSTREAM.model_copy(update=settings)
    return [(level, message) for level, message, _ in role_findings(server, LABELLED, upstream) if level != "ok"]


def having(**privileges: Any) -> Server:
    return replace(SERVER, privileges=replace(Privileges(), **privileges))


def test_nothing_is_wrong() -> None:
    assert found(SERVER) == []
    assert len(list(role_findings(SERVER, LABELLED, UPSTREAM))) == 3


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize(
    ("server", "right", "words"),
    [
        (having(attributes=frozenset({"superuser"})), "superuser", "is SUPERUSER"),
        (having(inherited=(("dba", "bypassrls"),)), "bypassrls", "is a member of dba, which is BYPASSRLS"),
        (having(predefined=("pg_monitor",)), "pg_monitor", "is a member of pg_monitor"),
        (replace(SERVER, member_of=frozenset({"app", "boss"})), "owner", "shop.customers"),
    ],
)
def test_rights_are_errors_until_they_are_accepted_by_name(
    server: Server, right: str, words: str, accepted: bool
) -> None:
    ((level, message),) = found(server, accept_role=(right,) if accepted else ("replication",))
    assert level == ("warning" if accepted else "error")
    assert words in message


@pytest.mark.parametrize(("attestation", "level"), [("required", "error"), ("preferred", "warning"), ("off", None)])
def test_a_log_that_trees_go_to(attestation: str, level: Level | None) -> None:
    for setting in ("warning", "log", "error", "debug5"):
        said = [
            each for each in found(having(log_min_messages=setting), attestation=attestation) if "log_min" in each[1]
        ]
        assert [each[0] for each in said] == ([level] if level else [])
    for setting in ("fatal", "panic"):
        assert not [
            each for each in found(having(log_min_messages=setting), attestation=attestation) if "log" in each[1]
        ]


def test_a_log_that_was_accepted() -> None:
    ((level, message),) = found(
        having(log_min_messages="warning"), attestation="required", accept_trees_in_server_log=True
    )
    assert level == "warning"
    assert "accepted" in message


@pytest.mark.parametrize(("attestation", "level"), [("required", "error"), ("preferred", "warning")])
def test_a_server_that_gives_no_tree(attestation: str, level: Level) -> None:
    server = replace(having(log_min_messages="warning"), no_tree="the start-up parameters are refused: unsupported")
    ((said, message),) = found(server, attestation=attestation)
    assert said == level
    assert "unsupported" in message


def test_attestation_off_is_weaker() -> None:
    ((level, message),) = found(SERVER, attestation="off")
    assert level == "warning"
    assert "off" in message


def index(
    name: str, *columns: str, computed_from: tuple[str, ...] = (), clustered: bool = False, keys: int | None = None
) -> Index:
    return Index(name, "shop", "customers", columns, computed_from, clustered, len(columns) if keys is None else keys)


def test_indexes_in_the_order_of_a_labelled_column() -> None:
    server = having(
        indexes=(
            index("covers", "ssn", "name"),
            index("both", "ssn", "email"),
            index("alone", "email"),
            index("behind", "name", "ssn"),
            index("included", "name", "ssn", keys=1),
            index("computed", "name", computed_from=("email", "name")),
            index("harmless", "ssn", computed_from=("city", "name"), keys=0),
            index("lower", computed_from=("email",)),
            index("lies", "email", clustered=True),
        )
    )
    messages = [message for _, message in found(server)]
    assert len(messages) == 4
    assert "covers has name of shop.customers in the order of ssn" in messages[0]
    assert "behind has name of shop.customers in the order of ssn" in messages[1]
    assert "computed has name of shop.customers in the order of email" in messages[2]
    assert "clustered by lies" in messages[3]
    fine = [message for level, message, _ in role_findings(server, LABELLED, UPSTREAM) if level == "ok"]
    assert [message for message in fine if message.endswith("alone, both, lower")]


@pytest.mark.parametrize(
    ("privileges", "words"),
    [
        ({"extensions": frozenset({"plpgsql", "dblink"})}, "dblink"),
        ({"languages": ("plpython3u",)}, "plpython3u"),
        ({"definers": ("shop.f()",)}, "shop.f()"),
        ({"large_objects": 3}, "3 large objects"),
        ({"creates_schemas": True}, "may make schemas"),
    ],
)
def test_what_a_person_should_have_looked_at(privileges: dict[str, Any], words: str) -> None:
    ((level, message),) = found(having(**privileges))
    assert level == "warning"
    assert words in message


def test_views_that_choose_their_rows_by_labelled_columns() -> None:
    said = list(view_findings({"s.plain": [ColumnRef("s", "people", "ssn"), ColumnRef("s", "people", "card")]}))
    assert [level for level, _, _ in said] == ["warning"]
    assert "view s.plain chooses or orders its rows by s.people.card, s.people.ssn" in said[0][1]
    assert list(view_findings({})) == []
