from __future__ import annotations

from typing import Any, cast

import pytest

from pgmaskproxy.mask.custom import Custom
from pgmaskproxy.mask.maskers import masker
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import Mask
from tests.mask.columns import JSON, PLAIN, VARCHAR, shown


def failing(text: str) -> str:
    raise RuntimeError(text)


@pytest.mark.parametrize(
    "function",
    [
        failing,
        lambda _: None,
        lambda _: 7,
        lambda text: text.encode(),
        lambda text: text + "\0",
        lambda text: text + "\ud800",
        lambda: "no argument",
    ],
)
def test_what_fails_or_gives_no_text_shows_null(function: Any) -> None:
    assert Custom(function).show("secret") is None
    customs = {"own": cast("Any", function)}
    mask = Mask("custom", "pii", (("name", "own"),))
    for oid in (PLAIN, JSON):
        value = b"secret" if oid == PLAIN else b'{"secret": ["secret"]}'
        found = masker(mask, shape_of(oid, -1, {}), 0, customs=customs).mask(value)
        assert found is None or b"secret" not in found


def test_what_it_gives_is_shown_as_the_type_can() -> None:
    assert shown("custom", PLAIN, b"abc") == b"cba"
    assert shown("custom", JSON, b'{"ab": [12, "xy", null]}') == b'{"ba": ["21", "yx", null]}'
    mask = Mask("custom", "pii", (("name", "own"),))
    assert masker(mask, shape_of(VARCHAR, 4 + 2, {}), 1, customs={"own": lambda _: "éèê"}).mask(b"x") == "éè".encode()


def test_a_member_always_has_a_name() -> None:
    mask = Mask("custom", "pii", (("name", "own"),))
    each = masker(mask, shape_of(JSON, -1, {}), 0, customs={"own": lambda _: None})
    assert each.mask(b'{"a": ["b", 1, true], "c": null}') == b'{"***": [null, null, true], "***": null}'


def test_one_that_is_not_there_shows_null() -> None:
    assert shown("custom", PLAIN, b"secret", name="other") is None
    assert not Custom(str.upper).recognises("SECRET")
