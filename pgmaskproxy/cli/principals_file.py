"""principals.yaml, added to without touching the rest: its comments, order and quoting stay as they are."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.policy.principals import load_principals

Entry: TypeAlias = Mapping[str, "str | Sequence[str] | Mapping[str, str]"]

HEAD: Final = "apiVersion: pgmaskproxy/v1\nkind: Principals\n"

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def entry_lines(entry: Entry) -> list[str]:
    """`entry` as the lines of one item of a YAML list, without indentation."""
    lines: list[str] = []
    for key, value in entry.items():
        if isinstance(value, str):
            text = _scalar(value)
        elif isinstance(value, Mapping):
            text = "{" + ", ".join(f"{name}: {_scalar(each)}" for name, each in value.items()) + "}"
        else:
            text = "[" + ", ".join(_scalar(each) for each in value) + "]"
        lines.append(f"{'  ' if lines else '- '}{key}: {text}")
    return lines


def section_text(section: str, entry: Entry) -> str:
    """The entry below its section, to be pasted."""
    return "\n".join([f"{section}:", *(f"  {line}" for line in entry_lines(entry))]) + "\n"


def with_entry(text: str, section: str, entry: Entry) -> str:
    """`text` with `entry` as the last of `section` (`people` or `users`). Raises Failure where the file is not written
    in the block style that can be added to."""
    text = text if not text or text.endswith("\n") else text + "\n"
    if not text.strip():
        return HEAD + section_text(section, entry)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines(keepends=True)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise _by_hand(section)
    found = next((value for key, value in root.value if getattr(key, "value", None) == section), None)
    if found is None:
        return text + section_text(section, entry)
    if isinstance(found, yaml.SequenceNode) and found.value and not found.flow_style:
        indent = " " * found.start_mark.column
        at = _line_after(found)
        return "".join([*lines[:at], *(f"{indent}{line}\n" for line in entry_lines(entry)), *lines[at:]])
    if found.value in ("", "null", "~", []) and found.start_mark.line == found.end_mark.line:
        start, end = found.start_mark.index, found.end_mark.index
        return text[:start].rstrip(" ") + "\n" + "\n".join(f"  {each}" for each in entry_lines(entry)) + text[end:]
    raise _by_hand(section)


def add_entry(path: Path, section: str, entry: Entry) -> None:
    """Writes `entry` into the file at `path` (made if there is none), whole or not at all. Raises ConfigError when the
    result would not load, Failure when the file cannot be read, written or added to."""
    path = path.resolve()
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(Exit.CONFIG, f"the file cannot be read: {error}", where=str(path)) from None
    try:
        after = with_entry(before, section, entry)
        changed = yaml.safe_load(after)
        same = _without_last(changed, section) == _normal(yaml.safe_load(before) or yaml.safe_load(HEAD), section)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise Failure(Exit.CONFIG, "the file is not YAML", where=where, next_step="mend it first") from None
    if not same:
        raise _by_hand(section)
    load_principals(str(path), after)
    try:
        _replace(path, after)
    except OSError as error:
        raise Failure(Exit.CONFIG, f"the file cannot be written: {error.strerror}", where=str(path)) from None


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if path.exists():
                status = path.stat()
                os.fchmod(file.fileno(), status.st_mode & 0o777)
                if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _line_after(sequence: yaml.SequenceNode) -> int:
    """The index of the line after the last thing written in `sequence`: its own end mark lies behind later comments."""
    node: yaml.Node = sequence
    while isinstance(node, yaml.CollectionNode) and node.value and not (node.flow_style and node is not sequence):
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    mark = node.end_mark
    return int(mark.line) + 1 if mark.column > 0 else int(mark.line)


def _without_last(document: object, section: str) -> object:
    if not isinstance(document, dict) or not isinstance(document.get(section), list):
        return None
    return _normal({**document, section: document[section][:-1]}, section)


def _normal(document: object, section: str) -> object:
    return {**document, section: document.get(section) or []} if isinstance(document, dict) else document


def _scalar(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return '"' + "".join(_quoted(character) for character in value) + '"'


def _quoted(character: str) -> str:
    """In a double-quoted scalar (YAML 1.2, 5.7)."""
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def _by_hand(section: str) -> Failure:
    return Failure(
        Exit.CONFIG,
        f'"{section}" is not written as a block list, so it cannot be added to safely',
        next_step="leave --write out and paste the entry by hand",
    )
