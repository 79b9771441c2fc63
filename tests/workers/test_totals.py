"""Metrics of several processes as one page: what rises is added up and stays, what is everybody's is shown once."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.workers.totals import Totals, figures_of


def page(totals: Totals, *live: Metrics) -> dict[str, float]:
    body, kind = totals.page([figures_of(each.registry) for each in live])
    assert kind.startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name.removeprefix('pgmaskproxy_')}{{{labels}}}"] = sample.value
    return found


def test_added_up_and_kept_when_one_ends() -> None:
    parent, first, second = (Metrics(process=False) for _ in range(3))
    totals = Totals(parent.registry)
    for metrics, count in ((first, 2), (second, 3)):
        metrics.workers.set(1)
        metrics.client_connections.set(count)
        metrics.policy_in_force("v1")
        metrics.canaries_watched.set(7)
        metrics.rows.inc(count)
        metrics.event_loop_lag.observe(0.001)
        metrics.statement("shop", "SelectStmt", "allow")
    parent.policy_in_force("v1")
    found = page(totals, first, second)
    assert found["rows_total{}"] == 5
    assert found["statements_total{database=shop,decision=allow,kind=SelectStmt}"] == 2
    assert found["event_loop_lag_seconds_count{}"] == 2
    assert (found["workers{}"], found["client_connections{}"]) == (2, 5)
    assert (found["policy_info{version=v1}"], found["canaries_watched{}"]) == (1, 7)

    totals.ended(figures_of(second.registry))
    found = page(totals, first)
    assert found["rows_total{}"] == 5
    assert found["event_loop_lag_seconds_bucket{le=0.001}"] == 2
    assert (found["workers{}"], found["client_connections{}"]) == (1, 2)
    totals.ended(figures_of(first.registry))
    found = page(totals)
    assert found["rows_total{}"] == 5
    assert found["workers{}"] == 0


def test_openmetrics_where_asked_for() -> None:
    body, kind = Totals(Metrics(process=False).registry).page([], "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_every_name_is_documented_as_before() -> None:
    """And has its words."""
    metrics = Metrics(process=False)
    body = Totals(metrics.registry).page([figures_of(metrics.registry)])[0].decode()
    assert "# HELP pgmaskproxy_rows_total Rows relayed" in body
