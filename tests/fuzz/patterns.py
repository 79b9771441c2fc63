"""What is in patterns.yaml, typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from tests.fuzz.shapes import KINDS, Kind

Typed: TypeAlias = tuple[tuple[str, Kind], ...]
"""Patterns, and the kind of what each gives."""

_ALL: Final[Mapping[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def _plain(name: str) -> tuple[str, ...]:
    return tuple(str(pattern) for pattern in _ALL[name])


def _by_kind(name: str) -> Mapping[Kind, tuple[str, ...]]:
    return {kind: tuple(str(pattern) for pattern in _ALL[name][kind]) for kind in KINDS}


def _typed(name: str) -> Typed:
    return tuple((str(pattern), kind) for pattern, given in _ALL[name] for kind in KINDS if kind == given)


EXPRESSIONS: Final = _by_kind("expressions")
LITERALS: Final = _by_kind("literals")
CONDITIONS: Final = _plain("conditions")
FAILING: Final = _plain("failing")
AGGREGATES: Final = _typed("aggregates")
WINDOWS: Final = _typed("windows")
FUNCTIONS: Final = _typed("functions")
GROUPINGS: Final = _plain("groupings")
CATALOG: Final = _plain("catalog")
SETTINGS: Final = _plain("settings")
ORDERS: Final = _plain("orders")
PROBES: Final = _plain("probes")
WRAPPERS: Final = _plain("wrappers")
