"""Every Prometheus name, in one place.

A label never carries a user, SQL, or free text: what comes from a client goes through `bounded`, so
that a hostile client can neither write into the metrics page nor grow it without end. Names follow
the Prometheus naming rules (`_total`, `_seconds`, `_bytes`), prefix `pgmaskproxy_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST as PLAIN
from prometheus_client.exposition import generate_latest as generate_plain
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from pgmaskproxy.tallies import Spreads, Tallies, Tally

PREFIX: Final = "pgmaskproxy"

PHASE_BUCKETS: Final = (0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""Seconds. Judging takes tens of microseconds, an upstream statement up to a minute."""

WAIT_BUCKETS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds a person takes to decide."""

LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds for which nobody was served."""

_KEPT: Final = 1024
_LABEL: Final = re.compile(r"[A-Za-z0-9_.\-]{1,63}")


def bounded(value: str) -> str:
    """`value` when it is a short name of letters, digits and `_.-`, else `other`: nothing else may label a metric."""
    return value if _LABEL.fullmatch(value) else "other"


class _WithoutCreated(Collector):
    """A registry's families without the `_created` samples, which double the page and which nothing here reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The families."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Tallied(Collector):
    """What is counted too often for the library's own counters, in its words."""

    def __init__(self, counted: Tallies | Spreads) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """The one family."""
        counted = self._counted
        if isinstance(counted, Tallies):
            counter = CounterMetricFamily(counted.name, counted.about, labels=counted.names)
            for values, tally in list(counted.children.items()):
                counter.add_metric(values, tally.value)
            yield counter
            return
        histogram = HistogramMetricFamily(counted.name, counted.about, labels=counted.names)
        for values, spread in list(counted.children.items()):
            histogram.add_metric(values, buckets=spread.cumulative(), sum_value=spread.sum)
        yield histogram


class Metrics:
    """The process's metrics over a registry of their own; one instance per process, handed to whoever counts."""

    def __init__(self, *, version: str = "", compiled: bool = False, process: bool = True) -> None:
        self.registry: Final = CollectorRegistry(auto_describe=True)
        registry = self.registry
        self._bounded: dict[tuple[str, str, str], Tally] = {}

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(name, about, labels, namespace=PREFIX, registry=registry)

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(name, about, labels, namespace=PREFIX, registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, about, labels, namespace=PREFIX, registry=registry, buckets=buckets)

        def tallies(name: str, about: str, *labels: str) -> Tallies:
            made = Tallies(f"{PREFIX}_{name}", about, labels)
            registry.register(_Tallied(made))
            return made

        def spreads(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Spreads:
            made = Spreads(f"{PREFIX}_{name}", about, labels, buckets)
            registry.register(_Tallied(made))
            return made

        self.client_connections: Final = gauge("client_connections", "Client connections that are open")
        self.upstream_connections: Final = gauge(
            "upstream_connections", "Connections to the server by state: opening, idle, active, held", "state"
        )
        self.statements: Final = tallies(
            "statements_total",
            "Statements judged, by database, grammar node kind and decision: allow, hold, deny",
            "database",
            "kind",
            "decision",
        )
        self.statement_duration: Final = spreads(
            "statement_duration_seconds",
            "Time of a statement by phase: parse, decide, hold, upstream, mask",
            PHASE_BUCKETS,
            "phase",
        )
        self.rows_masked: Final = tallies(
            "rows_masked_total", "Rows relayed under a plan that masks, by the strongest mask kind in it", "strategy"
        )
        self.cells_masked: Final = tallies("cells_masked_total", "Values replaced by a mask")
        self.rows_unmasked: Final = tallies(
            "rows_unmasked_total", "Rows in which columns were shown as they are, since a person agreed"
        )
        self.rows: Final = tallies("rows_total", "Rows relayed to clients, masked or not")
        self.bytes: Final = tallies(
            "bytes_total",
            "Bytes by direction: from_client, to_client, from_upstream, to_upstream",
            "direction",
        )
        self.lineage_disagreements: Final = counter(
            "lineage_disagreements_total",
            "Outputs masked to NULL because the witnesses disagree, by what differed: conflict, count, unknown",
            "what",
        )
        self.analysis_rejections: Final = counter(
            "analysis_rejections_total", "Statements refused because they could not be analysed, by SQLSTATE", "reason"
        )
        self.label_drift: Final = counter(
            "label_drift_total",
            "Columns that moved under their labels: renamed, detached, added, attached, appeared, dropped",
            "kind",
        )
        self.decision_cache_hits: Final = tallies("decision_cache_hits_total", "Judgements answered from the cache")
        self.decision_cache_misses: Final = tallies("decision_cache_misses_total", "Judgements made anew")
        self.approvals_pending: Final = gauge("approvals_pending", "Requests that wait for a person")
        self.approval_wait: Final = histogram(
            "approval_wait_seconds",
            "Time from request to end by outcome: approved, rejected, expired, withdrawn, cancelled",
            WAIT_BUCKETS,
            "outcome",
        )
        self.approval_notifications: Final = counter(
            "approval_notifications_total",
            "Messages to approvers by channel and outcome: accepted, delivered, retry, refused, gone, expired",
            "channel",
            "outcome",
        )
        self.policy_reload: Final = counter("policy_reload_total", "Reloads by outcome: ok, failed", "outcome")
        self.policy_info: Final = gauge("policy_info", "1 for the policy version in force", "version")
        self.masking_key_version: Final = gauge(
            "masking_key_version", "The newest version of a key that masks are made with, by its name", "name"
        )
        self.audit_events: Final = tallies(
            "audit_events_total", "Audit records by sink and outcome: written, failed", "sink", "outcome"
        )
        self.canaries_watched: Final = gauge("canaries_watched", "Planted values that are looked for in what is sent")
        self.canaries_seen: Final = counter(
            "canaries_seen_total",
            "Sessions ended because a planted value was about to be sent: more than 0 is an alarm",
        )
        self.trust_broken: Final = gauge(
            "trust_broken",
            "Functions that trust: names and that are not as they were pinned, by database: more than 0 is an alarm",
            "database",
        )
        self.auth_attempts: Final = counter(
            "auth_attempts_total",
            "Logins by method (scram-sha-256, scram-sha-256-plus, certificate, basic, bearer) and outcome: ok, failed, "
            "limited",
            "method",
            "outcome",
        )
        self.tls_handshakes: Final = counter(
            "tls_handshakes_total",
            "Clients' TLS handshakes by outcome, ok or failed, and version",
            "outcome",
            "version",
        )
        self.tls_certificate_not_after: Final = gauge(
            "tls_certificate_not_after_seconds", "When the certificate that clients see ends, in seconds since 1970"
        )
        self.event_loop_lag: Final = histogram(
            "event_loop_lag_seconds", "By how much the event loop was late, sampled ten times a second", LAG_BUCKETS
        )
        self.workers: Final = gauge("workers", "Processes that take clients")
        self.worker_restarts: Final = counter(
            "worker_restarts_total", "Workers that ended and were replaced, by reason: exited, silent, reload", "reason"
        )
        self.build_info: Final = gauge(
            "build_info", "1; the version and whether the data plane is compiled", "version", "compiled"
        )
        self.build_info.labels(version or "unknown", "true" if compiled else "false").set(1)
        if process:
            ProcessCollector(registry=registry)

    def statement(self, database: str, kind: str, decision: str) -> None:
        """Counts one judged statement; names that are no short identifiers become `other`."""
        key = database, kind, decision
        found = self._bounded.get(key)
        if found is None:
            found = self.statements.labels(bounded(database), bounded(kind or "empty"), bounded(decision))
            if len(self._bounded) < _KEPT:
                self._bounded[key] = found
        found.inc()

    def policy_in_force(self, version: str) -> None:
        """Makes `version` the only one that policy_info shows."""
        self.policy_info.clear()
        self.policy_info.labels(version).set(1)

    def names(self) -> tuple[str, ...]:
        """Every family's name as it is exposed, without the process's own: for the documentation's test."""
        families = [family for family in self.registry.collect() if family.name.startswith(f"{PREFIX}_")]
        return tuple(sorted(family.name + ("_total" if family.type == "counter" else "") for family in families))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The metrics page and its content type: OpenMetrics where `accept` asks for it, else the plain text format."""
        families = _WithoutCreated(self.registry)
        if "application/openmetrics-text" in accept:
            body: bytes = generate_openmetrics(families)  # type: ignore[no-untyped-call]
            return body, OPENMETRICS
        return generate_plain(families), PLAIN
