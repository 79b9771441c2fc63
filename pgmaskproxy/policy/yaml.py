"""Strict YAML with places: what an operator wrote, not what YAML 1.1 makes of it.

Scalars are YAML 1.2 core's, read the careful way: only `true`/`false`, `null`/`~`/empty and plain
decimal integers without leading zeros are anything but text, so NO, on, 012 and 1.10 stay what
they say. Duplicate keys, explicit tags, several documents and merge keys are errors; depth, size
and aliases are bounded. Built on PyYAML's events, which need no recursion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

from pgmaskproxy.errors import ConfigError, Problem

MAX_CHARACTERS: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
"""Counted with every alias written out in full."""

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_WORDS: Final = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf. `value` is the text unless it was plain and is a boolean, null or an integer."""

    text: str
    plain: bool
    file: str
    line: int

    @property
    def value(self) -> str | int | bool | None:
        if not self.plain:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        return int(self.text) if _INTEGER.fullmatch(self.text) else self.text


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; its keys are unique strings, in the order of the file."""

    entries: tuple[tuple[Scalar, Node], ...]
    file: str
    line: int

    def get(self, key: str) -> Node | None:
        """The value of `key`, None when it is not there."""
        for scalar, node in self.entries:
            if scalar.text == key:
                return node
        return None


Node: TypeAlias = Scalar | Sequence | Mapping
Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"


@dataclass(slots=True)
class _Open:
    """A collection that has begun and not ended."""

    event: yaml.events.CollectionStartEvent
    children: list[Node]
    size: int = 1


def compose(file: str, text: str) -> Node:
    """The one document in `text`; an empty file is an empty mapping. ConfigError with the places of what is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise ConfigError([Problem(f"more than {MAX_CHARACTERS} characters", file)])
    problems: list[Problem] = []
    try:
        node = _build(file, yaml.parse(text, Loader=yaml.SafeLoader), problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problems.append(Problem(error.problem or error.context or "not YAML", file, line))
        raise ConfigError(problems) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([Problem(f"character #x{error.character:04x} is not allowed", file, line)]) from None
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line))
    return node if node is not None else Mapping((), file, 1)


def plain(node: Node) -> Plain:
    """`node` as Python's own types."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}


def locate(node: Node, path: tuple[str | int, ...]) -> Node:
    """The node at `path`, or the nearest one above it that exists: for the line of an error."""
    for step in path:
        found: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            found = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            found = node.items[step]
        if found is None:
            break
        node = found
    return node


def _build(file: str, events: Iterator[yaml.events.Event], problems: list[Problem]) -> Node | None:
    anchors: dict[str, tuple[Node, int]] = {}
    stack: list[_Open] = []
    root: Node | None = None
    documents = nodes = 0
    for event in events:
        line = _line(event)
        finished: Node
        size = 1
        anchor: str | None = None
        match event:
            case yaml.events.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    problems.append(Problem("a second document; one file holds one", file, line))
                    return root
                continue
            case yaml.events.AliasEvent():
                if event.anchor not in anchors:
                    problems.append(Problem(f'alias "*{event.anchor}" has no finished anchor before it', file, line))
                    finished = Scalar("", True, file, line)
                else:
                    finished, size = anchors[event.anchor]
            case yaml.events.ScalarEvent():
                _check_tag(
                    event.tag if not (event.tag == "!" and not event.implicit[0]) else None, file, line, problems
                )
                finished = Scalar(event.value, event.style is None, file, line)
                anchor = event.anchor
            case yaml.events.CollectionStartEvent():
                _check_tag(event.tag, file, line, problems)
                if len(stack) >= MAX_DEPTH:
                    problems.append(Problem(f"nested more than {MAX_DEPTH} deep", file, line))
                    return root
                stack.append(_Open(event, []))
                continue
            case yaml.events.CollectionEndEvent():
                opened = stack.pop()
                line, size, anchor = _line(opened.event), opened.size, opened.event.anchor
                finished = _close(opened, file, line, problems)
            case _:
                continue
        nodes += size if isinstance(event, yaml.events.AliasEvent) else 1
        if nodes > MAX_NODES:
            problems.append(Problem(f"more than {MAX_NODES} values, aliases written out", file, line))
            return root
        if anchor is not None:
            anchors[anchor] = (finished, size)
        if stack:
            stack[-1].children.append(finished)
            stack[-1].size += size
        else:
            root = finished
    return root


def _line(event: yaml.events.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _close(opened: _Open, file: str, line: int, problems: list[Problem]) -> Node:
    children = opened.children
    if isinstance(opened.event, yaml.events.SequenceStartEvent):
        return Sequence(tuple(children), file, line)
    entries: list[tuple[Scalar, Node]] = []
    seen: dict[str, int] = {}
    for key, value in zip(children[::2], children[1::2], strict=True):
        if not isinstance(key, Scalar):
            problems.append(Problem("a key must be text", file, key.line))
        elif key.text == "<<" and key.plain:
            problems.append(Problem('merge keys ("<<") are not YAML 1.2', file, key.line))
        elif key.text in seen:
            problems.append(Problem(f'key "{key.text}" twice, first at line {seen[key.text]}', file, key.line))
        else:
            seen[key.text] = key.line
            entries.append((key, value))
    return Mapping(tuple(entries), file, line)


def _check_tag(tag: str | None, file: str, line: int, problems: list[Problem]) -> None:
    if tag is not None:
        problems.append(Problem(f'tag "{tag}" is not allowed', file, line, "write the value plain or quoted"))
