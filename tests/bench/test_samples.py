"""The bench's arithmetic: what a run gives, and what several give together."""

from __future__ import annotations

import pytest

from bench.samples import Cost, Sample, against, figures, percentiles, spread, summary


def test_percentiles_are_of_the_sorted_ones() -> None:
    assert percentiles([float(n) for n in range(999, -1, -1)]) == {"p50": 500.0, "p99": 990.0, "p999": 999.0}
    assert percentiles([7.0]) == {"p50": 7.0, "p99": 7.0, "p999": 7.0}
    assert percentiles([]) == {}


def test_seconds_per_million_are_microseconds_each() -> None:
    found = figures(Sample(20_000, 2.0), Cost(proxy_cpu=1.0, server_cpu=0.5), proxy=True)
    assert found["rate"] == 10_000
    assert found["proxy_cpu_per_million"] == pytest.approx(50)
    assert found["server_cpu_per_million"] == pytest.approx(25)
    assert "proxy_cpu_per_gb" not in found


def test_bytes_give_megabytes_and_cost_by_the_gigabyte() -> None:
    found = figures(Sample(1, 0.5, bytes=100e6), Cost(0.2, 0.1, proxy_peak=300e6), proxy=True)
    assert found["megabytes"] == pytest.approx(200)
    assert found["proxy_cpu_per_gb"] == pytest.approx(2)
    assert found["peak_mb"] == 300


def test_what_was_used_for_other_things_too_is_not_divided() -> None:
    assert set(figures(Sample(10, 1.0, costs=False), Cost(1.0, 1.0), proxy=True)) == {"rate", "seconds"}


def test_direct_has_no_proxy_to_pay_for() -> None:
    found = figures(Sample(10, 1.0), Cost(server_cpu=1.0), proxy=False)
    assert not [name for name in found if name.startswith("proxy")]


def test_ratios_are_of_the_same_round() -> None:
    series = {
        "direct": {"rate": [100.0, 50.0], "p50": [10.0, 20.0]},
        "masking": {"rate": [50.0, 50.0], "p50": [15.0, 21.0]},
    }
    found = against(series, "direct", "direct")
    assert found["masking"]["direct_rate"] == [0.5, 1.0]
    assert found["masking"]["added_p50"] == [5.0, 1.0]
    assert found["direct"] == {"direct_rate": [1.0, 1.0]}


def test_without_the_other_there_is_no_ratio() -> None:
    assert against({"direct": {"rate": [1.0]}}, "pgbouncer", "pgbouncer") == {"direct": {}}


def test_a_summary_has_the_median_and_how_far_the_others_are() -> None:
    found = summary({"direct": {"rate": [1.0, 9.0, 2.0]}, "masking": {"rate": [1.0, 3.0, 2.0]}})
    assert found["direct"]["rate"] == {"median": 2.0, "min": 1.0, "max": 9.0}
    assert found["masking"]["direct_rate"] == {"median": 1.0, "min": 3 / 9, "max": 1.0}
    assert spread([]) is None
