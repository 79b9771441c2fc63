"""What a task works with: a driver, the proxy and the server behind it, and a person who decides."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, final

import httpx2
import psycopg

from pgmaskproxy.demo.stage import SECOND
from tests.drivers.driver import Driver, Failed, Session
from tests.harness.proxy import Proxy

REQUEST: Final = re.compile(rb"apr_[0-9a-f]{32}")
SECONDS: Final = 20.0
"""How long anything may take before the test fails; nothing asserts that it is quick."""


@final
class Aside:
    """`work` in a thread, so that the test can be the person who decides, or who cancels."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self._result = work()
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            self._error = error

    @property
    def running(self) -> bool:
        """Whether it has not come to anything yet."""
        return self._thread.is_alive()

    def result(self) -> Any:
        """What it came to; raises its error."""
        self._thread.join(SECONDS)
        assert not self.running, "still waiting"
        if self._error is not None:
            raise self._error
        return self._result


@cache
def _token(web: str, password: str) -> str:
    """Bob's, at one proxy: a password takes a tenth of a second each time."""
    with httpx2.Client(base_url=web, auth=httpx2.BasicAuth(SECOND, password), timeout=SECONDS, trust_env=False) as bob:
        return str(bob.post("/api/v1/tokens", json={"note": "the matrix"}).json()["token"])


@contextmanager
def failing(sqlstate: str) -> Iterator[list[Failed]]:
    """Something in it must end with that error, which is then in the list."""
    found: list[Failed] = []
    try:
        yield found
    except Failed as error:
        found.append(error)
    assert [each.sqlstate for each in found] == [sqlstate]


@dataclass(frozen=True, slots=True)
class Bench:
    """A driver before a proxy."""

    driver: Driver
    proxy: Proxy

    def through(self) -> Session:
        """By the proxy, as the agent."""
        return self.driver.connect(self.proxy.conninfo(gssencmode="disable"))

    def direct(self) -> Session:
        """The same driver past the proxy, by the login that the proxy itself uses."""
        return self.driver.connect(psycopg.conninfo.make_conninfo(self.proxy.database.upstream, gssencmode="disable"))

    def truth(self, query: str) -> Any:
        """The first cell of what a superuser sees."""
        with psycopg.connect(self.proxy.database.admin) as admin:
            row = admin.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def change(self, statement: str) -> None:
        """As a superuser."""
        with psycopg.connect(self.proxy.database.admin, autocommit=True) as admin:
            admin.execute(statement.encode())

    def held(self, work: Callable[[], Any]) -> tuple[Aside, str]:
        """Start it, and wait for its request's id: the client is told that at once, whether it listens or not."""
        before = len(self.proxy.tap.to_client)
        aside = Aside(work)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if found := REQUEST.search(self.proxy.tap.to_client, before):
                return aside, found.group().decode()
            assert aside.running, f"it was not held: {aside.result()}"
            time.sleep(0.02)
        raise AssertionError("nobody was told that it is held")

    def decide(self, request: str, *, approve: bool, reason: str = "because") -> None:
        """As bob, who may."""
        with self._bob() as bob:
            way = "approve" if approve else "reject"
            assert bob.post(f"/api/v1/requests/{request}/{way}", json={"reason": reason}).status_code == 200

    def state(self, request: str, expected: str) -> str:
        """A request's state; waits for the expected one."""
        until = time.monotonic() + SECONDS
        with self._bob() as bob:
            while True:
                found = str(bob.get(f"/api/v1/requests/{request}").json()["state"])
                if found == expected or time.monotonic() > until:
                    return found
                time.sleep(0.05)

    def _bob(self) -> httpx2.Client:
        token = _token(self.proxy.web, self.proxy.passwords.second)
        return httpx2.Client(
            base_url=self.proxy.web, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS, trust_env=False
        )

    def wait_until_active(self, part: str) -> None:
        """Until the server runs a statement with `part` in it for the proxy."""
        until = time.monotonic() + SECONDS
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database()"
            f" AND pid <> pg_backend_pid() AND query LIKE '%{part}%'"
        )
        with psycopg.connect(self.proxy.database.admin, autocommit=True) as admin:
            while admin.execute(query.encode()).fetchone() == (0,):
                assert time.monotonic() < until, "it does not run"
                time.sleep(0.02)

    def fails(self, session: Session, statement: str) -> Failed:
        """The error it ends with."""
        try:
            found = session.query(statement)
        except Failed as error:
            return error
        raise AssertionError(f"no error, but {len(found.rows)} rows")
