"""The whole leak corpus: each row ends as it must, nothing labelled is sent in any form, and the twins are alike."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.corpus.asked import ALL, protocols
from tests.corpus.run import MISSING, Runner, Script, say
from tests.corpus.world import LEAK, TWIN, World, comparable

HERE = Path(__file__).parent
ROWS = json.loads((HERE.parent / "sql" / "corpus" / "leaks.json").read_text(encoding="utf-8"))
VERDICTS = yaml.safe_load((HERE / "verdicts.yaml").read_text(encoding="utf-8"))
GROUPS = sorted({row["id"][0] for row in ROWS})


def script(row: dict[str, Any]) -> Script:
    found = VERDICTS[row["id"]]
    committed = isinstance(found, dict)
    verdict = found["expected"] if committed else found
    expected = [verdict] if isinstance(verdict, str) else verdict
    assert len(expected) == len(row["sql"]), row["id"]
    return Script(row["id"], row["sql"], expected, committed, found["undo"] if committed else ())


def problems(world: World, rows: Sequence[dict[str, Any]]) -> list[str]:
    found = []
    for protocol in protocols(world.major):
        with contextlib.closing(Runner(world, protocol)) as runner:
            found += [problem for row in rows for problem in runner.problems(script(row))]
    return found


def test_every_row_has_its_verdict() -> None:
    assert len(ROWS) == 268
    assert [row["id"] for row in ROWS] == list(VERDICTS)


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_leaks(world: World, group: str) -> None:
    rows = [row for row in ROWS if row["id"][0] == group and row["upstream_role"] == "agent"]
    assert problems(world, rows) == []


def test_nothing_leaks_where_the_proxy_itself_may_do_anything(privileged: World) -> None:
    if privileged.major == 15 and not ALL:
        pytest.skip("what is the proxy's own doing is alike for both: one is enough")
    rows = [row for row in ROWS if row["upstream_role"] == "superuser"]
    assert problems(privileged, rows) == []


def test_the_checker_sees_every_leak_that_was_observed(world: World) -> None:
    """Past the proxy: what was seen in the bytes then, the search finds, and the twins differ in it."""
    missed, alike = [], []
    for row in ROWS:
        if row["upstream_role"] != "agent" or not row["observed_where"]:
            continue
        sent, states = directly(world, LEAK, row["sql"])
        there, _ = directly(world, TWIN, row["sql"])
        if world.major != 15 and states & MISSING:
            continue
        forms = {form for forms in row["observed_where"].values() for form in forms}
        if not world.secrets[LEAK].found(sent, "\n".join(row["sql"])) and forms - {"CONFIRM", "confirm"}:
            missed.append(row["id"])
        if comparable(sent) == comparable(there):
            alike.append(row["id"])
    assert (missed, alike) == ([], ["I20"])  # which shows the agent its own text


def directly(world: World, database: str, statements: Sequence[str]) -> tuple[bytes, set[str]]:
    """What the server itself sends, and the SQLSTATEs of its errors. A notification only comes after a commit."""
    states = set()
    with world.direct(database) as client:
        status = b"I" if "LISTEN" in statements[0] else client.simple("BEGIN").status
        for sql in statements:
            answer = say(client, sql.replace(f"{LEAK}.", f"{database}."), "simple")
            states |= {answer.error.sqlstate} if answer.error else set()
            if answer.status == b"E":
                client.simple("ROLLBACK")
        if status == b"T":
            client.simple("ROLLBACK")
        return bytes(client.received[client.login_ends :]), states
