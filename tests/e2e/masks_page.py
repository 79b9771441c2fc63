"""docs/masking.md: the page about masks, made of what the kinds say of themselves and of what a proxy really shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from pgmaskproxy.mask.jsontext import DEEPEST
from pgmaskproxy.mask.kinds import _IN_JSON, KINDS, STRENGTH, ParamSpec, why_null
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import DataType, Mask, TypeKind

Shown = tuple[str, str, str]
"""Type, value, and what is shown of it."""


@dataclass(frozen=True)
class Told:
    """What people are told of a kind, and the values that it is shown with: type and SQL literal."""

    sentence: str
    mask: str
    away: str
    back: str
    examples: Sequence[tuple[str, str]]


def _read() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return found


SAID: Final = _read()
TOLD: Final[Mapping[str, Told]] = {kind: Told(**told) for kind, told in SAID["kinds"].items()}


def area(text: str) -> str | None:
    """Of a postal code the first two digits, and nothing of what is no postal code."""
    return text[:2] + "xxx" if text.isascii() and text.isdigit() and len(text) == 5 else None


def page(shown: Mapping[str, Sequence[Shown]]) -> str:
    """The whole page; `shown` by kind, in the order of the examples."""
    lines = [SAID["head"], "| kind | shows | gives away | keyed | known when written back |", "|---|---|---|---|---|"]
    for kind in STRENGTH:
        told = TOLD[kind]
        example = next((each for each in shown[kind] if each[2] != "NULL"), shown[kind][0])
        keyed = "yes" if KINDS[kind].keyed else ""
        lines.append(f"| [`{kind}`](#{kind}) | {_cell(example[2])} | {told.away} | {keyed} | {told.back} |")
    for kind in STRENGTH:
        lines += ["", f"## {kind}", "", TOLD[kind].sentence, "", "```yaml", TOLD[kind].mask, "```", ""]
        if kind == "custom":
            lines += ["```python", inspect.getsource(area).rstrip(), "```", ""]
        lines += _params(kind) + _examples(shown[kind])
    lines += ["", SAID["types"], *_matrix()]
    return "\n".join(lines) + "\n" + _tail()


def _tail() -> str:
    notes = {"@DEEPEST@": str(DEEPEST), "@IN_JSON@": ", ".join(f"`{kind}`" for kind in _IN_JSON)}
    tail = str(SAID["tail"])
    for name, value in notes.items():
        tail = tail.replace(name, value)
    return "\n" + tail


def _params(kind: str) -> list[str]:
    params = KINDS[kind].params
    if not params:
        return []
    rows = ["| parameter | default | may be | is |", "|---|---|---|---|"]
    rows += [f"| `{name}` | {_default(spec)} | {_range(spec)} | {spec.doc} |" for name, spec in params.items()]
    return [*rows, ""]


def _default(spec: ParamSpec) -> str:
    if spec.required:
        return "required"
    return f"`{str(spec.default).lower() if spec.type is bool else spec.default}`"


def _range(spec: ParamSpec) -> str:
    if spec.choices:
        return " or ".join(f"`{choice}`" for choice in spec.choices)
    if spec.type is bool:
        return "`true` or `false`"
    if spec.type is int:
        return f"{spec.least} to {spec.greatest}" + (f", in steps of {spec.step}" if spec.step > 1 else "")
    if spec.type is dict:
        return "paths, each with a mask"
    return "one character" if spec.greatest == 1 else f"up to {spec.greatest} characters"


def _examples(shown: Sequence[Shown]) -> list[str]:
    rows = ["| type | value | shown |", "|---|---|---|"]
    return [*rows, *(f"| {of} | {_cell(value)} | {_cell(masked)} |" for of, value, masked in shown)]


def _cell(text: str) -> str:
    if text == "NULL":
        return text
    if not text.strip():
        return "(empty)"
    return "`" + text.rstrip().replace("|", "\\|") + "`"


_MATRIX: Final[Sequence[tuple[str, int]]] = (
    *(("text", 25), ("bytea", 17), ("boolean", 16), ("smallint", 21), ("integer", 23), ("bigint", 20)),
    *(
        ("real, double precision", 701),
        ("numeric", 1700),
        ("money", 790),
        ("date, timestamp(tz)", 1184),
        ("time(tz)", 1083),
    ),
    *(("interval", 1186), ("uuid", 2950), ("inet, cidr", 869), ("json, jsonb", 3802), ("xml", 142), ("an enum", 17000)),
    ("anything else", 600),
)


def _matrix() -> list[str]:
    types = {17000: DataType(TypeKind.ENUM, first="new")}
    kinds = [kind for kind in STRENGTH if kind != "null"]
    rows = ["| type | " + " | ".join(kinds) + " |", "|---|" + ":-:|" * len(kinds)]
    for name, oid in _MATRIX:
        shape = shape_of(oid, -1, types)
        rows.append(
            f"| {name} | " + " | ".join(_mark(kind, why_null(Mask(kind, "x"), shape), name) for kind in kinds) + " |"
        )
    return rows


def _mark(kind: str, why: str, name: str) -> str:
    if why:
        return ""
    marks: list[tuple[bool, str]] = [
        (kind in {"hash", "uuid"} and name.startswith("json"), "•¹"),
        (kind == "hash" and name in {"integer", "bigint"}, "•²"),
        (kind == "json", "•³"),
    ]
    return next((mark for found, mark in marks if found), "•")


Customs = Mapping[str, Callable[[str], "str | None"]]
CUSTOMS: Final[Customs] = {"area": area}
