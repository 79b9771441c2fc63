"""What pgbench says, and what it logs."""

from __future__ import annotations

import pytest

from bench.pgbench import latencies, sample
from bench.texts import NEW_LONG, NEW_SHORT, SHAPES, literals

SAID = """number of transactions actually processed: 5074
latency average = 0.197 ms
initial connection time = 2.1 ms
tps = 2537.25 (without initial connection time)
"""
LOGGED = ["0 1 180 0 1795348000 100001", "1 1 220 0 1795348000 100002", "0 2 199 0 1795348001 3"]


def test_a_run_is_transactions_and_their_latencies() -> None:
    found = sample(SAID, 2, LOGGED)
    assert found.count / found.seconds == pytest.approx(2537.25)
    assert found.latencies == {"p50": 199.0, "p99": 220.0, "p999": 220.0}
    assert list(latencies(LOGGED)) == [180.0, 220.0, 199.0]


def test_without_a_rate_it_did_not_work() -> None:
    with pytest.raises(RuntimeError, match="no tps"):
        sample("pgbench: error", 2, [])


def test_statements_are_what_they_are_said_to_be() -> None:
    assert len(SHAPES) == len(set(SHAPES)) == len(literals()) == 12
    assert all(":" in shape for shape in SHAPES)
    short, long = (script.split("\n", 1)[1] for script in (NEW_SHORT, NEW_LONG))
    assert len(short) < 100
    assert 1150 < len(long) < 1300
    assert ":n" in short
    assert ":n" in long
