"""A mask, a column's type and format, and the keys: the masker that shows it.

Anything not right about a mask (a kind, a parameter or a value that `kinds` does not have, a key that is not there)
shows NULL: the policy's loader and `check` refuse it with an error, and here it is too late for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pgmaskproxy.mask.array import ArrayBinaryMasker, ArrayTextMasker
from pgmaskproxy.mask.card import Card
from pgmaskproxy.mask.composite import CompositeBinaryMasker, CompositeTextMasker
from pgmaskproxy.mask.custom import Custom
from pgmaskproxy.mask.email import Email
from pgmaskproxy.mask.fixed import Redact, Zero, redacted, zeroed
from pgmaskproxy.mask.generalize import CoarseDate, CoarseMoney, CoarseNumber, CoarseTime, Prefix
from pgmaskproxy.mask.jsonpath import parse_path
from pgmaskproxy.mask.jsontext import JsonMasker, JsonRule, json_string, recognised_json
from pgmaskproxy.mask.keyed import Hash, KeyedUuid, Token, TokenMasker
from pgmaskproxy.mask.keys import DEFAULT_KEY, NO_KEYS, Keyring
from pgmaskproxy.mask.kinds import KINDS, why_null
from pgmaskproxy.mask.masker import Kind, Masker, TextMasker
from pgmaskproxy.mask.network import InetBinaryMasker, InetTextMasker, Ip
from pgmaskproxy.mask.partial import Partial
from pgmaskproxy.mask.phone import Phone
from pgmaskproxy.mask.scrub import Scrub, ScrubMasker
from pgmaskproxy.mask.token import looks_like_token
from pgmaskproxy.mask.typed import ByteaMasker, HashedInteger, UuidMasker, WholeJson
from pgmaskproxy.mask.types import (
    ARRAY,
    BYTEA,
    COMPOSITE,
    DATE,
    INT4,
    INT8,
    JSON,
    JSONB,
    MONEY,
    TEXT,
    TEXTS,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UUID,
    XML,
    Shape,
)
from pgmaskproxy.model import Mask

PLAIN: Final = Shape(25, TEXT)
"""text."""

Customs = Mapping[str, Callable[[str], "str | None"]]
"""Somebody else's masks, by the name of their entry point."""
NO_CUSTOMS: Final[Customs] = MappingProxyType({})

_WHOLE: Final = frozenset({"hash", "uuid", "token"})
"""Kinds of which a part means nothing."""


def masker(
    mask: Mask, shape: Shape = PLAIN, code: int = 0, keyring: Keyring = NO_KEYS, customs: Customs = NO_CUSTOMS
) -> Masker:
    """The masker for a column of this shape in format `code` (0 text, 1 binary)."""
    if mask.kind == "null" or code not in {0, 1} or why_null(mask, shape):
        return Masker()
    if shape.family == ARRAY:
        element = masker(mask, shape.parts[0], code, keyring, customs)
        return ArrayTextMasker(element) if code == 0 else ArrayBinaryMasker(element, shape.part_oids[0])
    if shape.family == COMPOSITE:
        return _composite([masker(mask, part, code, keyring, customs) for part in shape.parts], shape, code)
    kind = kind_of(mask, keyring, customs)
    if kind is None:
        return Masker()
    if isinstance(kind, Redact):
        return redacted(kind.shown, shape, code)
    if isinstance(kind, Zero):
        return zeroed(shape, code)
    if isinstance(kind, Token) and shape.family in TEXTS:
        return TokenMasker(kind, shape)
    if isinstance(kind, Scrub) and shape.family in TEXTS:
        return ScrubMasker(kind, shape)
    if shape.family in TEXTS or shape.family == XML:
        return TextMasker(kind, shape, cut=mask.kind not in _WHOLE)
    return _typed(kind, mask, shape, code, keyring, customs)


def row_masker(
    mask: Mask, shape: Shape, code: int, keyring: Keyring = NO_KEYS, customs: Customs = NO_CUSTOMS
) -> Masker:
    """The masker for one relation's row as a whole, by a mask of the kind ROW: NULL unless the type has as many fields
    as were decided on."""
    fields: list[Masker | None] = [None] * len(shape.parts)
    if code not in {0, 1} or shape.family != COMPOSITE or mask.param("columns", 0) != len(fields):
        return Masker()
    for name, value in mask.params:
        if name != "fields" or not isinstance(value, tuple):
            continue
        for place, inner in value:
            at = int(place) - 1
            if not 0 <= at < len(fields):
                return Masker()
            fields[at] = masker(inner, shape.parts[at], code, keyring, customs)
    return _composite(fields, shape, code)


def _composite(fields: Sequence[Masker | None], shape: Shape, code: int) -> Masker:
    """For a composite type: None shows a field as it is."""
    return CompositeTextMasker(fields) if code == 0 else CompositeBinaryMasker(fields, shape.part_oids)


def recognises(mask: Mask, text: str, keyring: Keyring = NO_KEYS) -> bool:
    """Whether `text` is certainly something that `mask` has shown of a value, and no value."""
    if mask.kind == "token":
        return looks_like_token(text.strip())  # it takes no key to see, and this is asked of every field of a COPY
    if mask.kind == "json":
        rules = _rules(mask, keyring, NO_CUSTOMS)
        return rules is not None and recognised_json(text, rules)
    kind = kind_of(mask, keyring, NO_CUSTOMS)
    if kind is None:
        return False
    inside = json_string(text)
    if kind.recognises(text) or (inside and kind.recognises(inside)):
        return True
    # In a column of type uuid a hash is one.
    return isinstance(kind, Hash) and KeyedUuid(keyring, str(mask.param("key", DEFAULT_KEY)), mask.label).recognises(
        text
    )


def kind_of(mask: Mask, keyring: Keyring, customs: Customs) -> Kind | None:
    """The kind with its parameters, the defaults where the mask says nothing; None shows NULL."""
    spec = KINDS.get(mask.kind)
    if spec is None or mask.kind == "null":
        return None
    values: dict[str, str | int | bool] = {name: each.default for name, each in spec.params.items()}
    for name, value in mask.params:
        if name not in spec.params or spec.params[name].problem(value):
            return None
        if isinstance(value, (str, int)):
            values[name] = value
    if spec.keyed:
        return _keyed(mask, keyring, values)
    if mask.kind == "custom":
        function = customs.get(str(values["name"]))
        return None if function is None else Custom(function)
    if mask.kind == "json":
        return Kind()  # of a text it shows nothing
    return _unkeyed(mask.kind, values)


def _keyed(mask: Mask, keyring: Keyring, values: Mapping[str, str | int | bool]) -> Kind | None:
    name = str(values["key"])
    if keyring.current(name) is None:
        return None
    if mask.kind == "hash":
        return Hash(keyring, name, mask.label, int(values["digits"]))
    return KeyedUuid(keyring, name, mask.label) if mask.kind == "uuid" else Token(keyring, name, mask.label)


def _unkeyed(kind: str, values: Mapping[str, str | int | bool]) -> Kind | None:
    if kind == "redact":
        return Redact(str(values["text"]))
    if kind == "zero":
        return Zero()
    if kind == "generalize":
        return Prefix(int(values["first"]))
    if kind == "ip":
        return Ip(int(values["v4"]), int(values["v6"]))
    if kind == "card":
        return Card(int(values["first"]), int(values["last"]))
    if kind == "phone":
        return Phone(int(values["last"]), keep_country=values["country"] == "keep")
    if kind == "email":
        return Email(keep_domain=values["domain"] == "keep")
    if kind == "partial":
        return Partial(
            int(values["first"]),
            int(values["last"]),
            str(values["fill"]),
            keep_length=bool(values["keep_length"]),
            min_hidden=int(values["min_hidden"]),
        )
    return Scrub() if kind == "scrub" else None


def _typed(  # noqa: PLR0917 - what `masker` was given, and the kind
    kind: Kind, mask: Mask, shape: Shape, code: int, keyring: Keyring, customs: Customs
) -> Masker:
    """For types that are no texts."""
    family = shape.family
    if mask.kind == "generalize":
        return _coarse(mask, shape, code)
    if isinstance(kind, Ip):
        return InetTextMasker(kind) if code == 0 else InetBinaryMasker(kind)
    if family == UUID:
        # A hash in a UUID's clothes: the same as the kind `uuid` makes.
        keyed = KeyedUuid(keyring, str(mask.param("key", "masking")), mask.label) if isinstance(kind, Hash) else kind
        return UuidMasker(keyed, code) if isinstance(keyed, KeyedUuid) else Masker()
    if family in {INT4, INT8}:
        return HashedInteger(kind.digest, family, code) if isinstance(kind, Hash) else Masker()
    if family == BYTEA:
        return ByteaMasker(kind, code)
    if family not in {JSON, JSONB}:
        return Masker()
    if mask.kind == "json":
        rules = _rules(mask, keyring, customs)
        return Masker() if rules is None else JsonMasker(rules, None, family, code)
    if isinstance(kind, (Scrub, Custom)):
        return JsonMasker([], kind, family, code)
    return WholeJson(kind, family, code)


def _coarse(mask: Mask, shape: Shape, code: int) -> Masker:
    family = shape.family
    if family in {DATE, TIMESTAMP, TIMESTAMPTZ}:
        return CoarseDate(family, code, str(mask.param("dates", "year")))
    if family in {TIME, TIMETZ}:
        return CoarseTime(family, code)
    bucket = int(mask.param("bucket", 10))
    return CoarseMoney(code, bucket) if family == MONEY else CoarseNumber(shape, code, bucket)


def _rules(mask: Mask, keyring: Keyring, customs: Customs) -> list[JsonRule] | None:
    """What a mask of the kind `json` says of each path; None where one of them is not right."""
    found: list[JsonRule] = []
    for name, value in mask.params:
        if name != "paths" or not isinstance(value, tuple):
            return None
        for path, inner in value:
            kind = kind_of(inner, keyring, customs)
            if kind is None and inner.kind != "null":
                return None
            found.append(JsonRule(parse_path(path), kind))
    return found if found else None
