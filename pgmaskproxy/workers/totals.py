"""The metrics of all workers and of their parent as one page.

What only rises is added up, and what an ended worker had counted stays counted, as far as it was told: the last
seconds of one that was killed are lost. Of what just is, what belongs to everybody is shown once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias, final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as PLAIN
from prometheus_client.exposition import generate_latest as generate_plain
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

Figures: TypeAlias = Sequence[Sequence[Any]]
"""Of one process: for each family its name, its type, and its samples: each name, labels and value."""

ONE_FOR_ALL: Final = frozenset(
    {
        "pgmaskproxy_build_info",
        "pgmaskproxy_policy_info",
        "pgmaskproxy_masking_key_version",
        "pgmaskproxy_canaries_watched",
        "pgmaskproxy_trust_broken",
        "pgmaskproxy_tls_certificate_not_after_seconds",
    }
)
"""What all processes say of the same thing: the greatest is shown."""
PARENTS: Final = frozenset({"process_max_fds", "process_start_time_seconds"})
"""What is said of the parent alone."""
RISING: Final = frozenset({"counter", "histogram"})


def figures_of(registry: CollectorRegistry) -> list[list[Any]]:
    """As they go over the line."""
    return [
        [
            family.name,
            family.type,
            [
                [sample.name, sample.labels, sample.value]
                for sample in family.samples
                if not sample.name.endswith("_created")
            ],
        ]
        for family in registry.collect()
    ]


@final
class Totals:
    """The parent's own registry, and what ended workers had counted."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._own = own
        self._ended: list[list[Any]] = []

    def ended(self, figures: Figures) -> None:
        """A worker is gone: what it had counted stays."""
        rising = [[name, kind, samples] for name, kind, samples in figures if kind in RISING]
        self._ended = [
            [family.name, family.type, [[each.name, each.labels, each.value] for each in family.samples]]
            for family in _added([self._ended, rising], {})
        ]

    def page(self, live: Iterable[Figures], accept: str = "") -> tuple[bytes, str]:
        """All of it: OpenMetrics where `accept` asks for it, else the plain text format."""
        abouts = {family.name: family.documentation for family in self._own.collect()}
        families = _Families(_added([figures_of(self._own), self._ended, *live], abouts))
        if "application/openmetrics-text" in accept:
            body: bytes = generate_openmetrics(families)  # type: ignore[no-untyped-call]
            return body, OPENMETRICS
        return generate_plain(families), PLAIN


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def _added(processes: Iterable[Figures], abouts: dict[str, str]) -> list[Metric]:
    families: dict[str, tuple[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]] = {}
    for figures in processes:
        for name, kind, samples in figures:
            values = families.setdefault(name, (kind, {}))[1]
            for sample, labels, value in samples:
                key = (sample, tuple(labels.items()))
                if name in ONE_FOR_ALL:
                    values[key] = max(values.get(key, value), value)
                elif name in PARENTS:
                    values.setdefault(key, value)
                else:
                    values[key] = values.get(key, 0.0) + value
    made = []
    for name, (kind, values) in families.items():
        family = Metric(name, abouts.get(name, name), kind)
        for (sample, labels), value in values.items():
            family.add_sample(sample, dict(labels), value)
        made.append(family)
    return made
