"""A scripted agent: plain psycopg, no model, no plugin. It gets on by reading DETAIL and HINT of what refuses it.

    python examples/agent.py 'postgresql://agent:PASSWORD@127.0.0.1:6432/shop' --reason 'INC-4711'

Each task begins with a statement that somebody who does not know the rules would write. What comes next is chosen by
`why` in DETAIL's last line (docs/agents.md lists the words), never by the statement or by the message. It prints both
sides, and exits with 1 where a task came to another end than it should.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg

MARK: Final = "pgmaskproxy:"
STEPS: Final = 6
"""Statements for one task, before the agent gives up."""
LISTED: Final = "SELECT table_schema || '.' || table_name FROM information_schema.tables"

Facts: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True)
class Task:
    """What is wanted, how one would ask for it at first, and whether it can be had at all."""

    wanted: str
    statement: str
    possible: bool = True


@dataclass(frozen=True)
class Next:
    """What the agent does about a refusal: statements, instead of the refused one, after a while."""

    because: str
    statements: tuple[str, ...] = ()
    wait: float = 0.0


MANY: Final = f"SELECT count(*) FROM orders WHERE id IN ({', '.join(map(str, range(1, 601)))})"  # noqa: S608 - numbers

TASKS: Final = (
    Task("find a customer by address", "SELECT id FROM customers WHERE lower(email) = 'bram.abbott1@post.example'"),
    Task("and another one", "SELECT id FROM customers WHERE email = 'chloe.abbott2@letters.example'"),
    Task("the last customers", "SELECT id, name FROM customers ORDER BY birth_date LIMIT 2"),
    Task("customers' numbers, in capitals", "SELECT id, upper(ssn) FROM customers WHERE id < 3"),
    Task("whole rows as JSON", "SELECT row_to_json(c) FROM customers c WHERE id < 3"),
    Task("all addresses, and one more", "SELECT email FROM customers WHERE id < 3 UNION ALL SELECT 'me@shop.example'"),
    Task("what a query costs", "EXPLAIN SELECT count(*) FROM customers"),
    Task("a quick scan", "SET enable_seqscan = off; SELECT count(*) FROM orders"),
    Task("a table whose name it does not remember", "SELECT count(*) FROM custommers"),
    Task("a column whose name it does not remember", "SELECT stok FROM products WHERE id = 1"),
    Task("many orders", MANY),
    Task("change every price", "UPDATE products SET price = price * 0.9"),
    Task("a table of its own", "CREATE TEMP TABLE scratch (id int)"),
    Task("drop the payments", "DELETE FROM payments", possible=False),
    Task("keep a number where nothing masks it", "UPDATE customers SET city = ssn WHERE id = 1", possible=False),
    Task(
        "two customers by address",
        "SELECT id FROM customers WHERE email = 'bram.abbott1@post.example'"
        " UNION ALL SELECT id FROM customers WHERE email = 'chloe.abbott2@letters.example'",
    ),
)


class Agent:
    """One connection, and what it has learned about being refused."""

    def __init__(self, conninfo: str, reason: str, say: Callable[[str], object]) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._reason = reason
        self._say = say
        self._asked_again: set[str] = set()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def do(self, task: Task) -> bool:
        """Try until it is done; False where the agent was told that it cannot be."""
        todo = [task.statement]
        for _ in range(STEPS):
            statement = todo.pop(0)
            refused = self._run(statement)
            if refused is not None:
                following = self._recover(statement, refused)
                self._say(f"-- {following.because}")
                if not following.statements:
                    return False
                time.sleep(following.wait)
                todo[:0] = following.statements
            if not todo:
                return True
        return False

    def _run(self, statement: str) -> psycopg.Error | None:
        self._say(f"=> {_short(statement)}")
        try:
            cursor = self._connection.execute(statement.encode())
        except psycopg.Error as error:
            self._say(f"ERROR {error.sqlstate}: {error.diag.message_primary}")
            for name, text in (("DETAIL", error.diag.message_detail), ("HINT", error.diag.message_hint)):
                self._say(f"{name}: {text}" if text else f"no {name}")
            return error
        self._say(f"{cursor.statusmessage}" + (f" {cursor.fetchone()}" if cursor.description else ""))
        return None

    def _recover(self, statement: str, error: psycopg.Error) -> Next:
        facts = facts_of(error)
        missing = re.search(r'relation "(\w+)" does not exist', error.diag.message_primary or "")
        if error.sqlstate == "42P01" and missing:
            return self._find_table(statement, missing[1])
        meant = re.search(r'Perhaps you meant to reference the column "\w+\.(\w+)"', error.diag.message_hint or "")
        wrong = re.search(r'column "(\w+)"', error.diag.message_primary or "")
        if meant and wrong:
            return Next("PostgreSQL's own hint names the column", (statement.replace(wrong[1], meant[1]),))
        match facts.get("why"):
            case "column_use":
                return _use_it_less(statement, facts)
            case "budget" if "retry_after" in facts:
                return Next("used up: the same when it is possible again", (statement,), facts["retry_after"])
            case "mixed_output" | "compared_twice":
                return Next("each arm by itself", tuple(re.split(r"\s+UNION ALL\s+", statement)))
            case "setting":
                rest = [each for each in statement.split("; ") if facts["setting"] not in each]
                return Next(f"does without {facts['setting']}", tuple(rest))
            case "too_long":
                return _halves(statement)
            case "reason_required":
                return Next("says why", (f"/* reason: {self._reason} */ {statement}",))
            case "expired" if statement not in self._asked_again:
                self._asked_again.add(statement)
                return Next("nobody was there: asks once more", (statement,))
            case "rejected":
                return Next(f"a person said no: {facts['reason']}")
            case "laundering" | "rule" | "not_covered" as why:
                return Next(f"not possible ({why}): reports it")
            case why:
                return Next(f"does not know what to do about {why}: reports it")

    def _find_table(self, statement: str, wrong: str) -> Next:
        names = [str(name) for (name,) in self._connection.execute(LISTED)]
        close = difflib.get_close_matches(f"shop.{wrong}", names, n=1)
        return Next("the catalog has a name like it", tuple(statement.replace(wrong, name) for name in close))


def facts_of(error: psycopg.Error) -> Facts:
    """The JSON object in DETAIL's last line; empty where the error is the server's own."""
    last = (error.diag.message_detail or "").rpartition("\n")[2]
    found = json.loads(last.removeprefix(MARK)) if last.startswith(MARK) else {}
    return found if isinstance(found, dict) else {}


def _use_it_less(statement: str, facts: Facts) -> Next:
    """Of a column that may not be used so: the use that is allowed and nearest."""
    column, where, allowed = facts["column"].rpartition(".")[2], facts.get("where", ""), facts["allowed"]
    if where == "ORDER BY":
        return Next("in any order", (re.sub(r"\s+ORDER BY \w+", "", statement),))
    if where == "EXPLAIN":
        return Next("run it instead", (statement.removeprefix("EXPLAIN "),))
    rows = re.sub(r"\brow_to_json\((\w+)\)", r"\1.*", statement)
    bare = re.sub(rf"\w+\({column}\)", column, rows)
    if bare != statement and (where != "WHERE" or "equality" in allowed):
        return Next(f"the column itself: allowed is {', '.join(allowed)}", (bare,))
    return Next("nothing that is allowed would do: reports it")


def _halves(statement: str) -> Next:
    """One list of values as two statements."""
    head, values, tail = re.split(r"(?<=IN \()([^)]*)", statement, maxsplit=1)
    each = values.split(", ")
    parts = (each[: len(each) // 2], each[len(each) // 2 :])
    return Next("half of it at a time", tuple(f"{head}{', '.join(part)}{tail}" for part in parts))


def _short(statement: str) -> str:
    return statement if len(statement) <= 120 else f"{statement[:60]} ... {statement[-20:]} ({len(statement)} bytes)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do every task; 0 when each came to the end it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conninfo", help="a PostgreSQL URL, of the proxy")
    parser.add_argument("--reason", default="INC-4711, spring sale", help="why, for whoever is asked")
    given = parser.parse_args(arguments)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    agent = Agent(given.conninfo, given.reason, say)
    wrong = 0
    for number, task in enumerate(TASKS, 1):
        say(f"\n## {number}. {task.wanted}")
        done = agent.do(task)
        say("done" if done else "not done")
        wrong += done != task.possible
    agent.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
