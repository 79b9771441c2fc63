"""The leak corpus once more, while one column is asked for and a person agrees whenever that is asked.

Whatever a row tries, nothing comes out but that column's own values as they are, and no more of them than were granted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from pgmaskproxy.demo.approver import Approver
from pgmaskproxy.demo.server import EmbeddedServer
from tests.corpus.asked import ALL, protocols
from tests.corpus.client import Client, Closed
from tests.corpus.run import say
from tests.corpus.test_leaks import ROWS
from tests.corpus.world import LEAK, PASSWORD, PERSON, STRICTEST, World, proxied

HERE: Final = Path(__file__).parent
GRANTED: Final = 2
RULE: Final = f"""
  - id: show-ssn
    effects: [READ]
    decide: hold
    unmask: [public.customers.ssn]
    limits: {{rows: {GRANTED}}}
    approvers: {{groups: [dba]}}
"""
COLUMN: Final = "customers.ssn"
AS_IT_IS: Final = f"{COLUMN} as raw"


@pytest.fixture(scope="module", params=["required", "off"])
def asking(
    twins: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    """With trees, and by the text and the portal's description alone."""
    mode = STRICTEST if request.param == "required" else request.param
    policy = (HERE / "policy.yaml").read_text(encoding="utf-8") + RULE
    with proxied(twins, tmp_path_factory.mktemp("unmasking"), mode, databases=[LEAK], policy=policy) as running:
        yield running


@dataclass
class Agreeing:
    """A person who agrees to show that column, and to nothing else."""

    approver: Approver
    agreed: list[str] = field(default_factory=list)

    def __call__(self, client: Client, request: str) -> None:
        asked = self.approver.request(request).body
        if asked["unmask"] == [f"public.{COLUMN}"] and asked["unmask_rows"] <= GRANTED:
            self.agreed.append(request)
            self.approver.approve(request, "corpus")
        else:
            assert asked["unmask"] == []
            client.cancel()


def wrong(world: World, statements: list[str], protocol: str, person: Agreeing) -> list[str]:
    """What came out besides what was agreed to. The wish is there for the last statement: those before it prepare."""
    before = len(person.agreed)
    with world.client() as client:
        client.on_held = person
        begins = len(client.received)
        try:
            client.simple("SET pgmaskproxy.reason = 'the corpus'")
            status = client.simple("BEGIN").status
            for number, sql in enumerate(statements, 1):
                if status == b"E":
                    client.simple("ROLLBACK")
                    client.simple("BEGIN")
                if number == len(statements):
                    client.simple(f"SET LOCAL pgmaskproxy.unmask = '{COLUMN}'")
                status = say(client, sql, protocol).status
            # It was shown, if at all: not a second time.
            if status == b"T" and len(statements) == 1:
                say(client, statements[0], protocol)
        except Closed:
            pass
        data = bytes(client.received[begins:])
    own = "\n".join(statements)
    found = [each for each in world.secrets[LEAK].found(data, own) if each != AS_IT_IS]
    values = {
        form
        for form, place in world.secrets[LEAK].forms.items()
        if place == (COLUMN, "raw") and form in data and form not in own.encode()
    }
    allowed = GRANTED * (len(person.agreed) - before)
    return [*found, *([f"{len(values)} values where {allowed} were granted"] if len(values) > allowed else [])]


def test_nothing_comes_out_but_what_was_agreed_to(asking: World) -> None:
    if not ALL and (asking.major == 15 or asking.mode == "off"):
        pytest.skip("all of it by `make corpus`")
    found = []
    with Approver(asking.web, PERSON, PASSWORD) as approver:
        person = Agreeing(approver)
        for protocol in protocols(asking.major):
            for row in ROWS:
                if row["upstream_role"] == "agent":
                    found += [
                        f"{row['id']} ({protocol}): {what}" for what in wrong(asking, row["sql"], protocol, person)
                    ]
        assert found == []
        assert len(person.agreed) > 3, "some of it is what one would ask for"
