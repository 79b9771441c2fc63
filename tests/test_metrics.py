"""The metrics: names, labels that cannot carry a client's text, and both exposition formats."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pgmaskproxy.metrics import Metrics, bounded

DOCUMENT = Path(__file__).parent.parent / "docs" / "metrics.md"


def test_every_name_follows_the_naming_rules() -> None:
    names = Metrics(process=False).names()
    assert len(names) >= 20
    for name in names:
        assert re.fullmatch(r"pgmaskproxy_[a-z_]+", name)
    assert "pgmaskproxy_statements_total" in names
    assert "pgmaskproxy_statement_duration_seconds" in names


def test_every_metric_is_documented_and_every_documented_metric_exists() -> None:
    documented = set(re.findall(r"`(pgmaskproxy_[a-z_]+)", DOCUMENT.read_text()))
    assert documented == set(Metrics(process=False).names())


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("shop", "shop"),
        ("SelectStmt", "SelectStmt"),
        ("scram-sha-256", "scram-sha-256"),
        ('x"} 1\nforged_metric 2', "other"),
        ("123-45-6789 Jo", "other"),
        ("a" * 64, "other"),
        ("", "other"),
    ],
)
def test_labels_are_bounded(value: str, label: str) -> None:
    assert bounded(value) == label


def test_a_hostile_database_name_never_reaches_the_page() -> None:
    metrics = Metrics(process=False)
    metrics.statement("'; DROP TABLE customers --", "SelectStmt", "deny")
    metrics.statement("shop", "", "allow")
    page = metrics.exposition()[0].decode()
    assert "DROP" not in page
    assert 'database="other",decision="deny",kind="SelectStmt"' in page
    assert 'kind="empty"' in page


def test_only_the_policy_in_force_is_shown() -> None:
    metrics = Metrics(process=False)
    metrics.policy_in_force("aaa111")
    metrics.policy_in_force("bbb222")
    page = metrics.exposition()[0].decode()
    assert 'pgmaskproxy_policy_info{version="bbb222"} 1.0' in page
    assert "aaa111" not in page


def test_registries_are_independent() -> None:
    first, second = Metrics(process=False), Metrics(process=False)
    first.client_connections.inc()
    assert second.registry.get_sample_value("pgmaskproxy_client_connections") == 0.0


def test_plain_exposition_parses_and_names_the_build() -> None:
    body, kind = Metrics(version="1.2.3", compiled=True).exposition("text/plain")
    assert kind.startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    labels = families["pgmaskproxy_build_info"].samples[0].labels
    assert labels == {"version": "1.2.3", "compiled": "true"}
    assert "process_resident_memory_bytes" in families


def test_openmetrics_where_asked_for() -> None:
    body, kind = Metrics().exposition("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_no_sample_of_creation_times(accept: str) -> None:
    metrics = Metrics(process=False)
    metrics.statement("shop", "SelectStmt", "allow")
    metrics.statement_duration.labels("parse").observe(0.1)
    for _ in range(2):
        page = metrics.exposition(accept)[0].decode()
        assert "_created" not in page
        assert 'pgmaskproxy_statements_total{database="shop",decision="allow",kind="SelectStmt"} 1.0' in page
        assert 'pgmaskproxy_statement_duration_seconds_count{phase="parse"} 1.0' in page
