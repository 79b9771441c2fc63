"""The file of pins: what `trust:` has vouched for in each database, as it was when first seen (`sql/trust`).

One file beside the state, or where `trust.lock` says. It may be reviewed and kept under version control: `check --pin`
writes it anew. Without it everything that `trust:` names is taken as it is found, once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, final

from pgmaskproxy.config import Config, pins_path
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics, bounded
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.trust import Doubt, Pins, Trust, Vetted, read_pins, vet, write_pins

HINT: Final = "look at it, then run pgmaskproxy check --pin"


@final
class PinFile:
    """Trust, and the pins it is held to."""

    def __init__(self, trust: Trust, path: Path, metrics: Metrics | None = None) -> None:
        """Raises ConfigError where the file is there and cannot be read."""
        self.trust = trust
        self.path = path
        self._metrics = metrics
        self._log = get_logger("trust")
        self._said: dict[str, list[str]] = {}
        self._databases: dict[str, Pins] = _read(path)

    @classmethod
    def of(cls, config: Config, metrics: Metrics | None = None) -> PinFile:
        """As the configuration says. Raises ConfigError."""
        trusted = config.trust
        trust = Trust(frozenset(trusted.extensions), frozenset(trusted.functions), frozenset(trusted.views))
        return cls(trust, pins_path(config), metrics)

    def vet(self, database: str, catalog: Catalog) -> Vetted:
        """What is trusted there, as the pins are; nothing is written."""
        return vet(self.trust, catalog, self._databases.get(database, {}))

    def trusting(self, database: str, catalog: Catalog) -> Catalog:
        """The catalog with what is trusted in it; nothing is written."""
        vetted = self.vet(database, catalog)
        return replace(catalog, trusted=vetted.trusted, trusted_views=vetted.views)

    def vouch(self, database: str, catalog: Catalog) -> Catalog:
        """The catalog with what is trusted in it. What is seen for the first time is pinned; what is doubtful is said.

        The file is read again first: somebody may have pinned anew. Where it cannot be read nothing is trusted, and
        where it cannot be written nothing that has no pin.
        """
        if self.trust == Trust():
            return catalog
        try:
            self._databases = _read(self.path)
        except ConfigError as error:
            self._say(database, [problem.message for problem in error.problems])
            return replace(catalog, trusted=frozenset(), trusted_views=frozenset())
        vetted = self.vet(database, catalog)
        trusted, views = vetted.trusted, vetted.views
        reasons = [str(each) for each in vetted.doubtful]
        if vetted.first_seen or vetted.first_views:
            try:
                self._keep(database, vetted.pins)
            except OSError as error:
                trusted -= vetted.first_seen
                views -= vetted.first_views
                reasons.append(f"pins cannot be written: {error.strerror}")
        self._say(database, reasons)
        if self._metrics is not None:
            broken = sum(each.doubt is not Doubt.MISSING for each in vetted.doubtful)
            self._metrics.trust_broken.labels(bounded(database)).set(broken)
        return replace(catalog, trusted=trusted, trusted_views=views)

    def pin(self, database: str, catalog: Catalog) -> Vetted:
        """Take everything as it is now. Raises OSError."""
        vetted = vet(self.trust, catalog, {})
        self._keep(database, vetted.pins)
        return vetted

    def _keep(self, database: str, pins: Pins) -> None:
        databases = {**self._databases, database: pins}
        _write(self.path, databases)
        self._databases = databases

    def _say(self, database: str, reasons: list[str]) -> None:
        """Once for every change of what is to be said."""
        if self._said.get(database, []) != reasons:
            self._said[database] = reasons
            for reason in reasons:
                self._log.error("not_trusted", database=database, reason=reason, hint=HINT)


def _read(path: Path) -> dict[str, Pins]:
    try:
        return read_pins(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    except ValueError as error:
        hint = "restore it; if it is removed, everything is pinned as it is now"
        raise ConfigError([Problem(f"is no file of pins: {error}", str(path), hint=hint)]) from None


def _write(path: Path, databases: Mapping[str, Pins]) -> None:
    """All of it or nothing, and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(write_pins(databases))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
