"""What psql printed directly beside what it printed through the proxy: every difference needs a reason."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Hunk:
    """A place where two outputs differ: the lines of each, and the line of the direct one that it begins at."""

    line: int
    direct: tuple[str, ...]
    proxied: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(
            (f"@@ line {self.line}", *(f"- {each}" for each in self.direct), *(f"+ {each}" for each in self.proxied))
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some hunks may be there. `direct` and `proxied` are searched for in those lines of a hunk, joined; both, if
    both are given, must be found."""

    id: str
    why: str
    files: tuple[str, ...] = ("*",)
    versions: tuple[int, ...] = ()
    direct: re.Pattern[str] | None = None
    proxied: re.Pattern[str] | None = None

    def explains(self, name: str, version: int, hunk: Hunk) -> bool:
        """Whether this is why."""
        if self.versions and version not in self.versions:
            return False
        if not any(fnmatch.fnmatchcase(name, each) for each in self.files):
            return False
        return _found(self.direct, hunk.direct) and _found(self.proxied, hunk.proxied)


def _found(pattern: re.Pattern[str] | None, lines: tuple[str, ...]) -> bool:
    return pattern is None or pattern.search("\n".join(lines)) is not None


@dataclass(slots=True)
class Compared:
    """One file's verdict."""

    name: str
    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: list[Hunk] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        """Nothing differs."""
        return not self.reasons and not self.unexplained


def hunks(direct: Sequence[str], proxied: Sequence[str]) -> list[Hunk]:
    """Where two outputs differ."""
    matcher = difflib.SequenceMatcher(None, direct, proxied, autojunk=False)
    return [
        Hunk(first + 1, tuple(direct[first:after]), tuple(proxied[other:beyond]))
        for kind, first, after, other, beyond in matcher.get_opcodes()
        if kind != "equal"
    ]


def compare(name: str, version: int, direct: Path, proxied: Path, reasons: Iterable[Reason]) -> Compared:
    """Compare two output files."""
    found = Compared(name)
    known = tuple(reasons)
    before, after = (path.read_bytes().decode("utf-8", "surrogateescape").split("\n") for path in (direct, proxied))
    if before == after:
        return found
    for hunk in hunks(before, after):
        reason = next((each for each in known if each.explains(name, version, hunk)), None)
        if reason is None:
            found.unexplained.append(hunk)
        else:
            found.reasons[reason.id] += 1
    return found


def load_reasons(path: Path) -> tuple[Reason, ...]:
    """The reasons file: a list of mappings. The first that explains a hunk counts."""
    return tuple(_reason(each) for each in yaml.safe_load(path.read_text(encoding="utf-8")))


def _reason(said: dict[str, Any]) -> Reason:
    unknown = said.keys() - {"id", "why", "files", "versions", "direct", "proxied"}
    if unknown:
        raise ValueError(f"a reason has no {sorted(unknown)}")
    if not {"direct", "proxied"} & said.keys():
        raise ValueError(f"the reason {said['id']} would explain anything")
    return Reason(
        said["id"],
        said["why"],
        tuple(said.get("files", ("*",))),
        tuple(said.get("versions", ())),
        re.compile(said["direct"], re.MULTILINE) if "direct" in said else None,
        re.compile(said["proxied"], re.MULTILINE) if "proxied" in said else None,
    )
