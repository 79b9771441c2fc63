"""Reading typed fields out of a YAML tree, collecting every problem instead of stopping at the first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from pgmaskproxy.errors import Problem
from pgmaskproxy.model import PrincipalKind
from pgmaskproxy.policy import yaml
from pgmaskproxy.policy.rules import Pattern, Who

API_VERSION: Final = "pgmaskproxy/v1"

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}")


class Problems:
    """What is wrong so far."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, at: yaml.Node, message: str, hint: str = "") -> None:
        """One more problem, at the place of `at`."""
        self._found.append(Problem(message, at.file, at.line, hint))

    def extend(self, problems: Iterable[Problem]) -> None:
        """More problems, found elsewhere."""
        self._found.extend(problems)

    def all(self) -> tuple[Problem, ...]:
        """Every problem once, by file in the order met, then by line."""
        files = {problem.file: index for index, problem in reversed(list(enumerate(self._found)))}
        return tuple(
            sorted(dict.fromkeys(self._found), key=lambda problem: (files[problem.file], problem.line, problem.message))
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` for the nearest of `known`, '' when none is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


class Fields:
    """The fields of one mapping. Every key must be in `known` or `later`; a key in `later` is one that is documented
    and not enforced yet, and so an error of its own."""

    def __init__(
        self,
        node: yaml.Node,
        what: str,
        known: Iterable[str],
        problems: Problems,
        later: Mapping[str, str] | None = None,
    ) -> None:
        self.node = node
        self.what = what
        self.problems = problems
        self._values: dict[str, yaml.Node] = {}
        names = frozenset(known)
        later = later or {}
        if not isinstance(node, yaml.Mapping):
            problems.add(node, f"{what} must be a mapping")
            return
        for key, value in node.entries:
            if key.text in names:
                self._values[key.text] = value
            elif key.text in later:
                problems.add(key, f'"{key.text}" is not enforced by this version yet', later[key.text])
            else:
                problems.add(key, f'unknown key "{key.text}" in {what}', did_you_mean(key.text, names))

    def get(self, key: str) -> yaml.Node | None:
        """The value as it was written."""
        return self._values.get(key)

    def read(
        self, key: str, reader: Callable[[yaml.Node, str, Problems], T | None], *, required: bool = False
    ) -> T | None:
        """The value of `key` through `reader`; None when it is not there or wrong, which is then a problem."""
        node = self._values.get(key)
        if node is None:
            if required and isinstance(self.node, yaml.Mapping):
                self.problems.add(self.node, f'{self.what} needs "{key}"')
            return None
        return reader(node, f'"{key}"', self.problems)


def text(node: yaml.Node, what: str, problems: Problems) -> str | None:
    """A string that is not empty. Numbers are taken as they are written."""
    if isinstance(node, yaml.Scalar):
        value = node.value
        if not isinstance(value, bool) and value is not None and node.text.strip():
            return node.text
        if isinstance(value, bool):
            problems.add(node, f"{what} must be text, not {node.text}", "put it in quotes")
            return None
    problems.add(node, f"{what} must be text")
    return None


def identifier(node: yaml.Node, what: str, problems: Problems) -> str | None:
    """An id or a group's name: letters, digits and `_.@+-`, at most 63."""
    value = text(node, what, problems)
    if value is not None and not _ID.fullmatch(value):
        problems.add(
            node, f'{what} "{value}" must be letters, digits and _.@+-, at most 63, starting with a letter or digit'
        )
        return None
    return value


def boolean(node: yaml.Node, what: str, problems: Problems) -> bool | None:
    """true or false."""
    if isinstance(node, yaml.Scalar) and isinstance(node.value, bool):
        return node.value
    problems.add(node, f"{what} must be true or false")
    return None


def count(node: yaml.Node, what: str, problems: Problems) -> int | None:
    """A whole number of 1 or more."""
    if isinstance(node, yaml.Scalar):
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000:
            return value
    problems.add(node, f"{what} must be a whole number from 1 to 1000")
    return None


def duration(node: yaml.Node, what: str, problems: Problems) -> float | None:
    """A time like 30s, 15m, 2h or 7d, in seconds; at least a second, at most 30 days."""
    if isinstance(node, yaml.Scalar):
        found = parse_duration(node.text)
        if found is not None and 1 <= found <= 30 * 86400:
            return found
    problems.add(node, f"{what} must be a time like 30s, 15m, 2h or 7d, from 1s to 30d")
    return None


def parse_duration(value: str) -> float | None:
    """Seconds in `30s`, `15m`, `2h`, `7d`; None for anything else."""
    match = _DURATION.fullmatch(value)
    return int(match[1]) * _UNITS[match[2]] if match else None


def items(node: yaml.Node, what: str, problems: Problems) -> Sequence[yaml.Node]:
    """The items of a list that is not empty."""
    if isinstance(node, yaml.Sequence) and node.items:
        return node.items
    problems.add(node, f"{what} must be a list with at least one item")
    return ()


def each(
    reader: Callable[[yaml.Node, str, Problems], T | None],
) -> Callable[[yaml.Node, str, Problems], tuple[T, ...] | None]:
    """A reader of a list, each item through `reader`; None when any is wrong."""

    def read(node: yaml.Node, what: str, problems: Problems) -> tuple[T, ...] | None:
        nodes = items(node, what, problems)
        found = [reader(item, f"an item of {what}", problems) for item in nodes]
        good = tuple(value for value in found if value is not None)
        return good if nodes and len(good) == len(nodes) else None

    return read


def pattern(
    parts: int, shape: str, *, ignore_case: bool = False
) -> Callable[[yaml.Node, str, Problems], Pattern | None]:
    """A reader of a dotted pattern of so many parts; `shape` is for people ("schema.table")."""

    def read(node: yaml.Node, what: str, problems: Problems) -> Pattern | None:
        value = text(node, what, problems)
        if value is None:
            return None
        found = parse_pattern(value, ignore_case=ignore_case)
        if found is None or len(found.parts) != parts:
            problems.add(
                node, f'{what} "{value}" must be {shape}', '* stands for anything; a name with a dot in it is "quoted"'
            )
            return None
        return found

    return read


_PART: Final = re.compile(r'"((?:[^"\x00]|"")+)"|([^".\s\x00()]+)')


def parse_pattern(value: str, *, ignore_case: bool = False) -> Pattern | None:
    """`value` as a Pattern; None when it is malformed. A quoted part is exact, case and all."""
    parts: list[str] = []
    globs: list[bool] = []
    position = 0
    while True:
        match = _PART.match(value, position)
        if match is None:
            return None
        quoted = match[1]
        parts.append(quoted.replace('""', '"') if quoted is not None else match[2])
        globs.append(quoted is None)
        position = match.end()
        if position == len(value):
            return Pattern(value, tuple(parts), tuple(globs), ignore_case)
        if value[position] != ".":
            return None
        position += 1


def who(node: yaml.Node, what: str, problems: Problems) -> Who | None:
    """One entry of `who` or `clear_for`."""
    value = text(node, what, problems)
    if value is None:
        return None
    kind, colon, name = value.partition(":")
    if not colon or not name:
        problems.add(node, f'{what} "{value}" must be user:NAME, group:NAME or kind:agent', f'"group:{value}"?')
        return None
    match kind:
        case "user" | "group":
            return Who(kind, name)
        case "kind":
            kinds = [kind.value for kind in PrincipalKind]
            if name in kinds:
                return Who("kind", name)
            problems.add(node, f'{what} "{value}": kinds are {", ".join(kinds)}', did_you_mean(name, kinds))
        case _:
            problems.add(
                node,
                f'{what} "{value}" must start with user:, group: or kind:',
                did_you_mean(kind, ("user", "group", "kind")),
            )
    return None


def choice(*words: str) -> Callable[[yaml.Node, str, Problems], str | None]:
    """A reader of one of `words`."""

    def read(node: yaml.Node, what: str, problems: Problems) -> str | None:
        value = text(node, what, problems)
        if value is None or value in words:
            return value
        problems.add(node, f'{what} "{value}" must be {" or ".join(words)}', did_you_mean(value, words))
        return None

    return read


def member(kind: type[E]) -> Callable[[yaml.Node, str, Problems], E | None]:
    """A reader of a value of an enumeration."""
    words = choice(*(item.value for item in kind))

    def read(node: yaml.Node, what: str, problems: Problems) -> E | None:
        value = words(node, what, problems)
        return None if value is None else kind(value)

    return read


def header(node: yaml.Node, kind: str, problems: Problems) -> None:
    """Check `apiVersion` and `kind` of a file."""
    if not isinstance(node, yaml.Mapping):
        problems.add(node, "the file must be a mapping")
        return
    for key, wanted in (("apiVersion", API_VERSION), ("kind", kind)):
        found = node.get(key)
        if found is None:
            problems.add(node, f'the file needs "{key}: {wanted}"')
        elif not isinstance(found, yaml.Scalar) or found.text != wanted:
            problems.add(found, f'"{key}" must be "{wanted}"')
