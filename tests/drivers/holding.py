"""Tasks in which something waits: for a person who decides, or for a client that changes its mind."""

from __future__ import annotations

from typing import Final

import pytest

from tests.drivers.bench import Aside, Bench, failing
from tests.drivers.driver import Failed, Session
from tests.drivers.reading import FOREVER

HELD: Final = "UPDATE products SET stock = stock + 1"
STOCK: Final = "SELECT sum(stock) FROM shop.products"


def _goes_on(session: Session) -> None:
    assert session.query("SELECT ssn FROM customers WHERE id = 1").rows == [("***",)]


def _cancelled(bench: Bench, session: Session, work: Aside) -> Failed:
    """The error, after which it goes on; a driver may keep it to itself, and not even wait for it."""
    with pytest.raises(Failed) as raised:
        work.result()
    assert raised.value.sqlstate == "57014" or bench.driver.swallows_cancel
    _goes_on(session)
    assert b"C57014\0Mcanceling statement due to user request\0" in bench.proxy.tap.to_client
    return raised.value


def cancel(bench: Bench) -> None:
    """What runs is cancelled by the driver's own means."""
    with bench.through() as session:
        work = Aside(lambda: session.query(FOREVER))
        bench.wait_until_active("generate_series")
        session.cancel()
        _cancelled(bench, session, work)


def approved(bench: Bench) -> None:
    """It waits, nothing runs meanwhile; approved, it runs once and its driver has its answer."""
    before = bench.truth(STOCK)
    with bench.through() as session:
        work, request = bench.held(lambda: session.query(HELD))
        assert bench.truth(STOCK) == before
        assert work.running
        bench.decide(request, approve=True)
        found = work.result()
        assert found.rows == []
        assert found.tag in {"UPDATE 24", ""}
        assert bench.truth(STOCK) == before + 24
        assert bench.state(request, "released") == "released"
        assert any(request in said for said in session.notices())
        _goes_on(session)


def rejected(bench: Bench) -> None:
    """42501 with the request and the reason, nothing has run, and the session goes on."""
    before = bench.truth(STOCK)
    with bench.through() as session:
        work, request = bench.held(lambda: session.query(HELD))
        bench.decide(request, approve=False, reason="not before the month is closed")
        with failing("42501") as errors:
            work.result()
        assert "rejected" in errors[0].message
        assert request in (errors[0].detail or "")
        assert "not before the month is closed" in (errors[0].detail or "")
        _goes_on(session)
    assert bench.truth(STOCK) == before


def held_in_block(bench: Bench) -> None:
    """Approved in a transaction it is part of it; rejected, the transaction is lost."""
    before = bench.truth(STOCK)
    with bench.through() as session:
        with session.block():
            session.query("SELECT count(*) AS n FROM products")
            work, request = bench.held(lambda: session.query(HELD))
            bench.decide(request, approve=True)
            work.result()
            assert bench.truth(STOCK) == before
        assert bench.truth(STOCK) == before + 24
        with failing("42501"), session.block():
            session.query("UPDATE products SET stock = 0 WHERE id = 1")
            work, request = bench.held(lambda: session.query(HELD))
            bench.decide(request, approve=False)
            work.result()
        _goes_on(session)
    assert bench.truth(STOCK) == before + 24


def cancel_held(bench: Bench) -> None:
    """What is held is withdrawn, and the client reads 57014."""
    before = bench.truth(STOCK)
    with bench.through() as session:
        work, request = bench.held(lambda: session.query(HELD))
        session.cancel()
        error = _cancelled(bench, session, work)
        assert bench.driver.swallows_cancel or request in (error.detail or "")
        assert bench.state(request, "cancelled") == "cancelled"
    assert bench.truth(STOCK) == before
