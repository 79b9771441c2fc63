"""The cases and the golden trees: what real servers of each major version wrote for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pgmaskproxy.sql.attest.versions import MAJORS
from tests.sql.attest.notation import Relations

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
TOPICS = ("expressions", "sources", "queries", "writes", "definitions")


@dataclass(frozen=True)
class Case:
    """A statement, which versions have it, and what its attestation says in the notation. `refused` is an error."""

    topic: str
    number: int
    sql: str
    since: int = 0
    until: int = 99
    refused: str = ""
    says: Mapping[str, Any] = field(default_factory=dict)

    def path(self, major: int) -> Path:
        """Where its tree is."""
        return GOLDEN / f"{self.topic}-{self.number:02}.{major}.tree"

    def expected(self, major: int) -> dict[str, Any]:
        """What the attestation says: `uses@18` stands for `uses` from 18 on."""
        said = {key: value for key, value in self.says.items() if "@" not in key}
        for key, value in self.says.items():
            name, _, since = key.partition("@")
            if since and major >= int(since):
                said[name] = value
        return said

    def exists_on(self, major: int) -> bool:
        return self.since <= major <= self.until

    def tree(self, major: int) -> str | None:
        """The DETAIL that a server sent; None where there is none of that version."""
        if not self.exists_on(major) or not self.path(major).is_file():
            return None
        first, _, tree = self.path(major).read_text(encoding="utf-8").partition("\n")
        assert first == f"-- {self.sql}", f"{self.path(major)} is of another statement: run regenerate.py"
        return tree


@cache
def cases(topic: str) -> tuple[Case, ...]:
    """The cases of one file."""
    found = yaml.safe_load((HERE / "cases" / f"{topic}.yaml").read_text(encoding="utf-8"))
    made = []
    for number, each in enumerate(found, 1):
        about = {"sql": each} if isinstance(each, str) else dict(each)
        known: dict[str, Any] = {key: about.pop(key) for key in ("sql", "since", "until", "refused") if key in about}
        made.append(Case(topic, number, **known, says=about))
    return tuple(made)


def goldens(*topics: str) -> Iterator[tuple[Case, int, str]]:
    """Every case that has a tree, once per version that has one."""
    for topic in topics or TOPICS:
        for case in cases(topic):
            for major in MAJORS:
                tree = case.tree(major)
                if tree is not None:
                    yield case, major, tree


@cache
def relations(major: int) -> Relations:
    """The names of what the trees of one version refer to."""
    found = json.loads((GOLDEN / f"relations.{major}.json").read_text(encoding="utf-8"))
    return {int(oid): (name, columns) for oid, (name, columns) in found.items()}
