"""The list of guards, `tests/guards.toml`: what each protects, how it is switched off, and which tests notice."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LIST: Final = ROOT / "tests" / "guards.toml"
PACKAGE: Final = "pgmaskproxy"


@dataclass(frozen=True, slots=True)
class Guard:
    """One entry of the list."""

    id: str
    file: str
    """Of the package, from its directory on: `session/trees.py`."""
    guards: str
    """What it protects, in a line."""
    find: str
    """The guard's own text, once in the file."""
    replace: str
    """The same place without it."""
    tests: tuple[str, ...]
    """Node ids of pytest; at least one of them fails without the guard."""
    also: tuple[tuple[str, str, str], ...] = ()
    """(file, find, replace) of what stands behind it and would hold in its place: both are off together."""

    def off(self, root: Path) -> dict[str, str]:
        """The files' texts with the guard switched off, by their paths below `root`.

        Raises ValueError unless each place is there, once, and FileNotFoundError.
        """
        texts: dict[str, str] = {}
        for file, find, replace in ((self.file, self.find, self.replace), *self.also):
            path = f"{PACKAGE}/{file}"
            text = texts[path] if path in texts else (root / path).read_text(encoding="utf-8")
            found = text.count(find)
            if found != 1:
                raise ValueError(f"{path} has the text of this guard {found} times")
            if find == replace:
                raise ValueError("switching it off changes nothing")
            texts[path] = text.replace(find, replace)
        return texts


def load(path: Path = LIST) -> tuple[Guard, ...]:
    """The entries in the list's order. Raises KeyError and TypeError for what is none."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["guard"]
    return tuple(_guard(**entry) for entry in entries)


def _guard(*, tests: list[str], also: Iterable[dict[str, str]] = (), **rest: str) -> Guard:
    edits = tuple((each["file"], each["find"], each["replace"]) for each in also)
    return Guard(tests=tuple(tests), also=edits, **rest)


def problems(guards: Iterable[Guard], root: Path = ROOT) -> list[str]:
    """What is wrong with the list itself, without running anything."""
    found: list[str] = []
    listed = tuple(guards)
    found += [f"{name}: twice in the list" for name, count in Counter(each.id for each in listed).items() if count > 1]
    for guard in listed:
        found += [f"{guard.id}: {wrong}" for wrong in _wrong(guard, root)]
    return found


def _wrong(guard: Guard, root: Path) -> list[str]:
    found = [] if guard.guards.strip() else ["it does not say what it guards"]
    try:
        for path, text in guard.off(root).items():
            if path.endswith(".py"):
                ast.parse(text)
    except FileNotFoundError as error:
        found.append(f"there is no {Path(str(error.filename)).relative_to(root)}")
    except (ValueError, SyntaxError) as error:
        found.append(str(error))
    if not guard.tests:
        found.append("no test is named")
    return found + [f"there is no test {test}" for test in guard.tests if not _is_test(test, root)]


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, _written: int) -> ast.AST:
    """A test file, which many guards name."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _is_test(test: str, root: Path) -> bool:
    """Whether a node id names a file, or a function in it; which parameters it has is pytest's to say."""
    name, _, function = test.partition("::")
    path = root / name
    if not function:
        return path.exists()
    if not path.is_file():
        return False
    tree: ast.AST = _parsed(path, path.stat().st_mtime_ns)
    for part in function.partition("[")[0].split("::"):
        inside = [each for each in ast.iter_child_nodes(tree) if getattr(each, "name", None) == part]
        if not inside:
            return False
        tree = inside[0]
    return True
