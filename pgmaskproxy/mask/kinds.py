"""The kinds of mask that a policy can name: their parameters, and the types that each can show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgmaskproxy.mask import types
from pgmaskproxy.mask.jsonpath import parse_path
from pgmaskproxy.mask.keys import DEFAULT_KEY
from pgmaskproxy.mask.masker import REDACTED
from pgmaskproxy.mask.types import ARRAY, COMPOSITE, TEXTS, Shape
from pgmaskproxy.model import Mask

STRENGTH: Final = (
    *("null", "redact", "zero", "hash", "uuid", "token", "generalize", "ip", "card", "phone", "email", "partial"),
    *("json", "scrub", "custom"),
)
"""The kinds, strongest first: nothing of the value; one answer for one value, which nobody can undo; one that we can
undo; a part of the value that many share; a part of it that few do; all of it but what was found; whatever somebody
else's code shows."""

_MAX_SHOWN: Final = 64
_MAX_TEXT: Final = 64


@dataclass(frozen=True)
class ParamSpec:
    """One parameter of a kind of mask: what it is by default, and what it may be."""

    type: type[str] | type[int] | type[bool] | type[dict[str, object]]
    """dict: JSON paths, each with a mask of its own."""
    default: str | int | bool
    doc: str
    choices: tuple[str, ...] = ()
    least: int = 0
    """Of an int; of a str the least number of characters."""
    greatest: int = _MAX_TEXT
    """Of an int; of a str the greatest number of characters."""
    required: bool = False
    step: int = 1
    """Of an int: it is a multiple of it."""
    shape: str = ""
    """Of a str: the regular expression that it matches, where it names something that has such names."""

    def problem(self, value: object) -> str:
        """What is wrong with `value`, to be put behind the parameter's name; '' when nothing is."""
        if self.type is dict:
            return _paths_problem(value)
        if self.type is bool:
            return "" if isinstance(value, bool) else "must be true or false"
        if self.type is int:
            if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.greatest:
                return "" if value % self.step == 0 else f"must be a multiple of {self.step}"
            return f"must be a whole number from {self.least} to {self.greatest}"
        if not isinstance(value, str):
            return "must be a string"
        if self.choices:
            return "" if value in self.choices else "must be " + " or ".join(self.choices)
        if not self.least <= len(value) <= self.greatest:
            count = str(self.least) if self.least == self.greatest else f"{self.least} to {self.greatest}"
            return f"must have {count} character" + ("" if count == "1" else "s")
        if self.shape and not re.fullmatch(self.shape, value):
            return f"must match {self.shape}"
        # What a client prints: no terminal controls, and nothing that UTF-8 or a text value cannot carry.
        return "" if value.isprintable() else "must be printable"


def _paths_problem(value: object) -> str:
    if not isinstance(value, tuple) or not value:
        return 'must be a mapping of JSON path to mask, like {"$.email": {kind: email}}'
    for path, mask in value:
        if not isinstance(path, str) or not isinstance(mask, Mask):
            return 'must be a mapping of JSON path to mask, like {"$.email": {kind: email}}'
        try:
            parse_path(path)
        except ValueError as error:
            return f"is wrong: {error}"
        if mask.kind not in _IN_JSON:
            return f'cannot have the mask {mask.kind} at "{path}": one of {", ".join(_IN_JSON)}'
    return ""


@dataclass(frozen=True)
class KindSpec:
    """One kind: its parameters, the families of types that it can show, and whether it needs a key."""

    params: Mapping[str, ParamSpec]
    families: frozenset[str]
    keyed: bool = False
    shortest: int = 0
    """Characters that a text must be able to have, or it is NULL."""


_EVERY: Final = frozenset(
    {
        *(*TEXTS, types.BYTEA, types.BOOL, types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8),
        *(types.NUMERIC, types.MONEY, types.DATE, types.TIME, types.TIMETZ, types.TIMESTAMP, types.TIMESTAMPTZ),
        *(types.INTERVAL, types.UUID, types.INET, types.CIDR, types.JSON, types.JSONB, types.XML, types.ENUM),
    }
)
_JSON: Final = frozenset({types.JSON, types.JSONB})
_IN_JSON: Final = (
    *("null", "redact", "zero", "hash", "uuid", "token", "generalize", "ip", "card", "phone", "email", "partial"),
    "scrub",
)
"""Kinds that make a text of a text."""

_KEY: Final = ParamSpec(
    str,
    DEFAULT_KEY,
    "The key it is made with, by its name in the keyring (docs/keys.md).",
    least=1,
    shape="[a-z][a-z0-9_-]{0,31}",
)

KINDS: Final[Mapping[str, KindSpec]] = MappingProxyType(
    {
        "null": KindSpec({}, _EVERY),
        "redact": KindSpec(
            {"text": ParamSpec(str, REDACTED, "What is shown in place of every value that is not NULL.")},
            TEXTS | _JSON | {types.BYTEA, types.XML},
        ),
        "zero": KindSpec({}, _EVERY),
        "hash": KindSpec(
            {
                "digits": ParamSpec(int, 32, "How many hexadecimal digits are shown.", least=16, greatest=64, step=2),
                "key": _KEY,
            },
            TEXTS | _JSON | {types.BYTEA, types.INT4, types.INT8, types.UUID, types.XML},
            keyed=True,
            shortest=20,
        ),
        "uuid": KindSpec({"key": _KEY}, TEXTS | _JSON | {types.BYTEA, types.UUID}, keyed=True, shortest=36),
        "token": KindSpec({"key": _KEY}, TEXTS | {types.BYTEA}, keyed=True, shortest=50),
        "generalize": KindSpec(
            {
                "dates": ParamSpec(str, "year", "What is kept of a date.", choices=("month", "year", "decade")),
                "bucket": ParamSpec(int, 10, "Numbers are rounded down to a multiple of it.", least=2, greatest=10**12),
                "first": ParamSpec(int, 1, "How many characters of a text are shown.", least=1, greatest=_MAX_SHOWN),
            },
            TEXTS
            | {types.INT2, types.INT4, types.INT8, types.FLOAT4, types.FLOAT8, types.NUMERIC, types.MONEY}
            | {types.DATE, types.TIMESTAMP, types.TIMESTAMPTZ, types.TIME, types.TIMETZ},
        ),
        "ip": KindSpec(
            {
                "v4": ParamSpec(int, 24, "Bits of an IPv4 address that are shown.", least=1, greatest=30),
                "v6": ParamSpec(int, 48, "Bits of an IPv6 address that are shown.", least=1, greatest=120),
            },
            TEXTS | {types.INET, types.CIDR},
        ),
        "card": KindSpec(
            {
                "first": ParamSpec(int, 0, "How many digits are shown at the start.", greatest=6),
                "last": ParamSpec(int, 4, "How many digits are shown at the end.", greatest=4),
            },
            TEXTS,
        ),
        "phone": KindSpec(
            {
                "last": ParamSpec(int, 2, "How many digits are shown at the end.", greatest=4),
                "country": ParamSpec(str, "keep", "Whether the country code is shown.", choices=("keep", "hide")),
            },
            TEXTS,
        ),
        "email": KindSpec(
            {"domain": ParamSpec(str, "keep", "Whether the domain is shown.", choices=("keep", "hide"))}, TEXTS
        ),
        "partial": KindSpec(
            {
                "first": ParamSpec(int, 0, "How many characters are shown at the start.", greatest=_MAX_SHOWN),
                "last": ParamSpec(int, 0, "How many characters are shown at the end.", greatest=_MAX_SHOWN),
                "fill": ParamSpec(str, "*", "The character that stands for what is hidden.", least=1, greatest=1),
                "keep_length": ParamSpec(bool, False, "One fill character for each hidden one: gives away the length."),
                "min_hidden": ParamSpec(
                    int, 4, "A value that would have fewer characters hidden is hidden whole.", least=1
                ),
            },
            TEXTS,
        ),
        "json": KindSpec(
            {"paths": ParamSpec(dict, "", "JSON paths, and the mask of what is there.", required=True)}, _JSON
        ),
        "scrub": KindSpec({}, TEXTS | _JSON),
        "custom": KindSpec(
            {"name": ParamSpec(str, "", "The entry point in the group pgmaskproxy.masks.", least=1, required=True)},
            TEXTS | _JSON,
        ),
    }
)
"""By name. `null` is the one that every type can show."""


def kinds() -> Mapping[str, Mapping[str, ParamSpec]]:
    """Kind of mask -> its parameters by name. What a policy may say; the loader is given this mapping."""
    return {name: spec.params for name, spec in KINDS.items()}


def strength(kind: str) -> int:
    """The rank of `kind`, 0 the strongest. A kind not known ranks with `null`: that is how it is shown."""
    return STRENGTH.index(kind) if kind in STRENGTH else 0


def why_null(mask: Mask, shape: Shape) -> str:
    """Why `mask` shows NULL in a column of this shape, in words; '' when it shows something."""
    spec = KINDS.get(mask.kind)
    if spec is None:
        return f"there is no mask {mask.kind}"
    if mask.kind == "null":
        return ""
    if shape.family == ARRAY:
        return why_null(mask, shape.parts[0])
    if shape.family == COMPOSITE:
        reasons = [why_null(mask, part) for part in shape.parts]
        return "" if not reasons or "" in reasons else reasons[0]
    if shape.family not in spec.families:
        return f"{mask.kind} has no value of type {shape.family}"
    needed = spec.shortest
    if mask.kind == "hash":
        needed = 4 + int(mask.param("digits", 32))
    if shape.family in TEXTS and 0 <= shape.limit < needed:
        return f"{mask.kind} needs {needed} characters, and the column has {shape.limit}"
    return ""
