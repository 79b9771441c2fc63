"""Shapes are found again by their bytes, and plans by what they were made of, never by what is like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgmaskproxy.mask.keys import NO_KEYS, Key, Keyring
from pgmaskproxy.mask.maskers import NO_CUSTOMS
from pgmaskproxy.mask.plan import bind_plan
from pgmaskproxy.model import Mask
from pgmaskproxy.session.shapes import KEPT, LONGEST, Shapes
from pgmaskproxy.wire.backend import Field
from tests.session.rulings import visibility

FIELDS = (Field(b"ssn", 1, 3, 25, -1, -1, 0),)
MASKS: tuple[Mask | None, ...] = (Mask("redact", "ssn"),)
SEEN = visibility()


def test_a_description_is_found_by_its_bytes() -> None:
    found = Shapes()
    assert found.fields(b"a") is None
    found.read(b"a", FIELDS)
    assert found.fields(b"a") is FIELDS
    assert found.fields(b"b") is None
    found.read(b"x" * (LONGEST + 1), FIELDS)
    assert found.fields(b"x" * (LONGEST + 1)) is None


def test_a_plan_is_made_once() -> None:
    found = Shapes()
    first = found.plan(FIELDS, MASKS, SEEN, NO_KEYS, NO_CUSTOMS, bind_plan)
    assert found.plan(FIELDS, MASKS, SEEN, NO_KEYS, NO_CUSTOMS, bind_plan) is first
    assert first.shown == bind_plan(FIELDS, MASKS, SEEN).shown


@pytest.mark.parametrize(
    "changed",
    [
        {0: (Field(b"ssn", 1, 3, 25, -1, -1, 1),)},
        {1: (Mask("null", "ssn"),)},
        {1: None},
        {2: replace(visibility())},
        {3: Keyring([Key("masking", 1, b"k" * 32)])},
        {4: {}},
    ],
)
def test_and_anew_for_anything_else(changed: dict[int, Any]) -> None:
    found, given = Shapes(), (FIELDS, MASKS, SEEN, NO_KEYS, NO_CUSTOMS)
    first = found.plan(*given, bind_plan)
    other: list[Any] = [changed.get(number, each) for number, each in enumerate(given)]
    assert found.plan(other[0], other[1], other[2], other[3], other[4], bind_plan) is not first


def test_what_names_an_unknown_relation_is_not_kept() -> None:
    found = Shapes()
    unknown = (Field(b"x", 99, 1, 25, -1, -1, 0),)
    first = found.plan(unknown, (None,), SEEN, NO_KEYS, NO_CUSTOMS, bind_plan)
    assert first.unknown
    assert found.plan(unknown, (None,), SEEN, NO_KEYS, NO_CUSTOMS, bind_plan) is not first


def test_not_without_end() -> None:
    found, kept = Shapes(), []
    for number in range(3 * KEPT):
        fields = (Field(b"%d" % number, 1, 3, 25, -1, -1, 0),)
        kept.append(fields)
        found.read(b"%d" % number, fields)
        assert found.fields(b"%d" % number) is fields
        found.plan(fields, MASKS, SEEN, NO_KEYS, NO_CUSTOMS, bind_plan)
    assert 0 < max(len(found._fields), len(found._made)) <= KEPT


def test_a_plan_is_forgotten() -> None:
    found = Shapes()
    first = found.plan(FIELDS, MASKS, SEEN, NO_KEYS, NO_CUSTOMS, bind_plan)
    found.forget()
    assert found.plan(FIELDS, MASKS, SEEN, NO_KEYS, NO_CUSTOMS, bind_plan) is not first
