"""What is counted for every statement: as the metrics library would, on its page."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from pgmaskproxy.metrics import PHASE_BUCKETS, Metrics
from pgmaskproxy.tallies import Spreads, Tallies

VALUES = (0.0, 0.00002, 0.000021, 0.004, 0.005, 59.9, 60.0, 61.0)


def test_a_histogram_says_what_the_librarys_own_says() -> None:
    registry = CollectorRegistry()
    theirs = Histogram(
        "statement_duration_seconds", "x", ["phase"], namespace="pgmaskproxy", registry=registry, buckets=PHASE_BUCKETS
    )
    metrics = Metrics(process=False)
    for value in VALUES:
        theirs.labels("decide").observe(value)
        metrics.statement_duration.labels("decide").observe(value)
    for bound in (*map(str, PHASE_BUCKETS), "+Inf"):
        labels = {"phase": "decide", "le": bound}
        name = "pgmaskproxy_statement_duration_seconds_bucket"
        assert metrics.registry.get_sample_value(name, labels) == registry.get_sample_value(name, labels) is not None
    for name in ("sum", "count"):
        sample = f"pgmaskproxy_statement_duration_seconds_{name}"
        labels = {"phase": "decide"}
        assert metrics.registry.get_sample_value(sample, labels) == registry.get_sample_value(sample, labels)


def test_a_counter_says_what_the_librarys_own_says() -> None:
    registry = CollectorRegistry()
    theirs = Counter("bytes_total", "x", ["direction"], namespace="pgmaskproxy", registry=registry)
    metrics = Metrics(process=False)
    for direction, amount in (("to_client", 3), ("from_client", 1), ("to_client", 4)):
        theirs.labels(direction).inc(amount)
        metrics.bytes.labels(direction).inc(amount)
    metrics.rows.inc(7)
    for direction in ("to_client", "from_client"):
        labels = {"direction": direction}
        said = metrics.registry.get_sample_value("pgmaskproxy_bytes_total", labels)
        assert said == registry.get_sample_value("pgmaskproxy_bytes_total", labels) is not None
    assert metrics.registry.get_sample_value("pgmaskproxy_rows_total") == 7
    assert metrics.registry.get_sample_value("pgmaskproxy_cells_masked_total") == 0
    assert b"# TYPE pgmaskproxy_bytes_total counter" in metrics.exposition()[0]


def test_labels_are_as_many_as_names() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        Tallies("x", "x", ["a"]).labels("1", "2")
    with pytest.raises(ValueError, match="has the labels"):
        Tallies("x", "x", []).labels("1")
    with pytest.raises(ValueError, match="has the labels"):
        Tallies("x", "x", ["a"]).inc()
    with pytest.raises(ValueError, match="has the labels"):
        Spreads("x", "x", ["a"], [1.0]).labels()
