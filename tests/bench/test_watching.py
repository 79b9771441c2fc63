"""What is read off the proxy's own metrics."""

from __future__ import annotations

from bench.watching import Counters, between, longest, read

PAGE = """# HELP pgmaskproxy_decision_cache_hits_total Judgements answered from the cache
# TYPE pgmaskproxy_decision_cache_hits_total counter
pgmaskproxy_decision_cache_hits_total 95.0
pgmaskproxy_decision_cache_misses_total 5.0
pgmaskproxy_event_loop_lag_seconds_bucket{worker="1",le="0.005"} 3.0
pgmaskproxy_event_loop_lag_seconds_bucket{worker="2",le="0.005"} 1.0
pgmaskproxy_event_loop_lag_seconds_bucket{worker="1",le="+Inf"} 3.0
pgmaskproxy_event_loop_lag_seconds_bucket{worker="2",le="+Inf"} 1e+01
"""


def test_workers_are_added_up() -> None:
    found = read(PAGE)
    assert (found.hits, found.misses) == (95, 5)
    assert found.lag_buckets == {0.005: 4.0, float("inf"): 13.0}
    assert found.has_lag
    assert not read("").has_lag


def test_hits_are_a_part_of_what_was_asked_meanwhile() -> None:
    assert between(Counters(hits=10, misses=10), Counters(hits=28, misses=12)) == {"cache_hits": 0.9}
    assert between(Counters(hits=10), Counters(hits=10)) == {}


def test_the_longest_is_the_edge_of_the_highest_bucket_with_something_new() -> None:
    before = Counters(lag_buckets={0.001: 5, 0.01: 6, 0.1: 6, float("inf"): 6})
    none = Counters(lag_buckets=dict(before.lag_buckets))
    some = Counters(lag_buckets={0.001: 7, 0.01: 9, 0.1: 9, float("inf"): 9})
    endless = Counters(lag_buckets={0.001: 7, 0.01: 9, 0.1: 9, float("inf"): 10})
    assert longest(before, none) is None
    assert longest(before, some) == 0.01
    assert longest(before, endless) == 0.1
    assert longest(Counters(), Counters(lag=0.25)) == 0.25
    assert between(before, some) == {"stall_ms": 10.0}
