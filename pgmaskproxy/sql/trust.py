"""Which functions and views the operator vouches for: `trust:` in pgmaskproxy.yaml, and its pins.

A pin is a hash of everything that decides what a function does (`Function.digest`; an aggregate's with its transition
functions'), or of a view's definition with those of the views that it reads. It is taken when the extension, the
function or the view is first seen, and what is not as pinned is no longer trusted: neither a function that changed, nor
one that an extension already pinned did not have then.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, Function, Relation
from pgmaskproxy.sql.views import relations_read

_VIEWS: Final = frozenset({"v", "m"})
VERSION: Final = 1
"""Of the file of pins."""

Pins = Mapping[str, Mapping[str, str]]
"""One database's: what `trust:` names ("extension citext", "shop.order_total(integer)", "view shop.bands") to its
functions' signatures, or the view's name, and their hashes."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the operator vouches for in every database."""

    extensions: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    """`schema.name(types)`, types spelled as PostgreSQL prints them; blanks do not count."""
    views: frozenset[str] = frozenset()
    """`schema.name`: what they hold labelled columns against (`attest.comparands`) nobody else chooses."""


class Doubt(enum.StrEnum):
    """Why something that `trust:` names is not trusted."""

    CHANGED = "changed"
    ADDED = "added"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Something that is not trusted though `trust:` names it, or what it belongs to."""

    doubt: Doubt
    named: str
    """As in `Pins`."""
    signature: str = ""

    def __str__(self) -> str:
        match self.doubt:
            case Doubt.CHANGED:
                return f"{self.signature} is not what it was when {self.named} was pinned"
            case Doubt.ADDED:
                return f"{self.signature} was not there when {self.named} was pinned"
            case Doubt.MISSING:
                known = self.named.startswith((_EXTENSION, _VIEW))
                return f"there is no {self.named if known else f'function {self.named}'}"


@dataclass(frozen=True, slots=True)
class Vetted:
    """What is trusted in one database, and why other things are not."""

    trusted: frozenset[int] = frozenset()
    pins: Pins = field(default_factory=dict)
    """With what was seen for the first time."""
    first_seen: frozenset[int] = frozenset()
    """The trusted ones that had no pin so far."""
    doubtful: tuple[Doubtful, ...] = ()
    views: frozenset[int] = frozenset()
    """OIDs of the trusted views, in a space of their own."""
    first_views: frozenset[int] = frozenset()
    """The trusted ones that had no pin so far."""


_EXTENSION: Final = "extension "
_VIEW: Final = "view "


def vet(trust: Trust, catalog: Catalog, pins: Pins) -> Vetted:
    """What of `trust` holds in this database, whose pins so far are `pins`."""
    trusted: set[int] = set()
    first: set[int] = set()
    doubtful: list[Doubtful] = []
    kept: dict[str, Mapping[str, str]] = dict(pins)
    for named, functions in _members(trust, catalog):
        if not functions:
            doubtful.append(Doubtful(Doubt.MISSING, named))
            continue
        pinned = pins.get(named)
        if pinned is None:
            kept[named] = {function.signature: digest(function, catalog) for function in functions}
            first.update(function.oid for function in functions if function.digest)
            continue
        for function in functions:
            before = pinned.get(function.signature)
            if before is None:
                doubtful.append(Doubtful(Doubt.ADDED, named, function.signature))
            elif not function.digest or before != digest(function, catalog):
                doubtful.append(Doubtful(Doubt.CHANGED, named, function.signature))
            else:
                trusted.add(function.oid)
    first -= trusted
    views, first_views = _views(trust, catalog, pins, kept, doubtful)
    return Vetted(
        frozenset(trusted | first),
        MappingProxyType(kept),
        frozenset(first),
        tuple(doubtful),
        frozenset(views),
        frozenset(first_views),
    )


def _views(
    trust: Trust, catalog: Catalog, pins: Pins, kept: dict[str, Mapping[str, str]], doubtful: list[Doubtful]
) -> tuple[set[int], set[int]]:
    """The trusted views, and those of them that are seen for the first time."""
    trusted: set[int] = set()
    first: set[int] = set()
    by_name = {str(relation.ref): relation for relation in catalog.relations if relation.kind in _VIEWS}
    for name in sorted(trust.views):
        named, view = _VIEW + name, by_name.get(name)
        if view is None:
            doubtful.append(Doubtful(Doubt.MISSING, named))
            continue
        now = view_digest(view, catalog)
        pinned = pins.get(named)
        if pinned is None and now:
            kept[named] = {name: now}
            first.add(view.oid)
        elif now and pinned is not None and pinned.get(name) == now:
            trusted.add(view.oid)
        else:
            doubtful.append(Doubtful(Doubt.CHANGED, named, name))
    return trusted | first, first


def view_digest(view: Relation, catalog: Catalog) -> str:
    """The hash that is pinned: of the view's definition and those of all views below it; '' where one is not known."""
    found: dict[str, str] = {}
    pending = [view]
    while pending:
        one = pending.pop()
        if str(one.ref) in found:
            continue
        if not one.definition:
            return ""
        found[str(one.ref)] = one.definition
        below = (catalog.by_oid.get(oid) for oid in relations_read(catalog, one))
        pending.extend(
            each for each in below if each is not None and each.kind in _VIEWS and each.schema not in SYSTEM_SCHEMAS
        )
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()


def digest(function: Function, catalog: Catalog) -> str:
    """The hash that is pinned: the function's own, and those of what it runs itself."""
    found = hashlib.sha256(function.digest.encode())
    for oid in function.supports:
        support = catalog.functions_by_oid.get(oid)
        found.update((str(oid) if support is None else f"{support.signature} {support.digest}").encode())
    return found.hexdigest()


def write_pins(databases: Mapping[str, Pins]) -> str:
    """The file of pins: JSON, one function a line."""
    return json.dumps({"version": VERSION, "databases": _plain(databases)}, indent=1, sort_keys=True) + "\n"


def read_pins(text: str) -> dict[str, Pins]:
    """What `write_pins` wrote. Raises ValueError for what it did not."""
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("version") != VERSION or not _are_pins(data.get("databases")):
        raise ValueError(f"no file of pins of version {VERSION}")
    databases: dict[str, Pins] = data["databases"]
    return databases


def _are_pins(value: object, depth: int = 3) -> bool:
    """Databases of names of signatures of hashes."""
    if depth == 0:
        return isinstance(value, str)
    return isinstance(value, dict) and all(_are_pins(each, depth - 1) for each in value.values())


def _members(trust: Trust, catalog: Catalog) -> Iterable[tuple[str, list[Function]]]:
    for extension in sorted(trust.extensions):
        yield (
            _EXTENSION + extension,
            [function for function in catalog.functions if function.extension == extension],
        )
    by_signature = {_spelled(function.signature): function for function in catalog.functions}
    for named in sorted(trust.functions):
        function = by_signature.get(_spelled(named))
        yield named, [function] if function is not None else []


def _spelled(signature: str) -> str:
    return signature.replace(" ", "")


def _plain(databases: Mapping[str, Pins]) -> dict[str, dict[str, dict[str, str]]]:
    return {name: {named: dict(found) for named, found in pins.items()} for name, pins in databases.items()}
