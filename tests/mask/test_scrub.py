from __future__ import annotations

import json

import pytest
from hypothesis import given

from pgmaskproxy.mask.scrub import LONGEST, Scrub
from tests.mask.columns import BINARY, JSON, JSONB, PLAIN, VARCHAR, a_mask, column, shown
from tests.mask.shapes import texts


@given(text=texts)
def test_the_rest_of_a_text_is_kept(text: str) -> None:
    kept = text.replace("@", " ").replace("=", " ").replace(":", " ")
    found = shown("scrub", PLAIN, f"{kept}\n jane@example.com".encode())
    assert found is not None
    assert found.decode().endswith(" [email]")
    assert b"jane" not in found


def test_a_text_too_long_to_be_looked_through_is_null() -> None:
    assert Scrub().show("x" * LONGEST) == "x" * LONGEST
    assert Scrub().show("x" * (LONGEST + 1)) is None
    assert shown("scrub", PLAIN, b"x" * (LONGEST + 1)) is None
    assert shown("scrub", PLAIN, b"x" * LONGEST) == b"x" * LONGEST


def test_the_columns_length_is_kept() -> None:
    assert column(a_mask("scrub"), VARCHAR, modifier=4 + 8).mask(b"a a@b.co") == b"a [email"


def test_in_a_document_every_text_number_and_name_is_looked_through() -> None:
    value = {"a@example.com": ["call +49 30 1234567", 4111111111111111, 12, None, True, {"x": "y"}], "n": "plain"}
    expected = {"[email]": ["call [phone]", "[card]", 12, None, True, {"x": "y"}], "n": "plain"}
    raw = json.dumps(value).encode()
    assert json.loads(shown("scrub", JSON, raw) or b"") == expected
    assert json.loads((shown("scrub", JSONB, b"\x01" + raw, BINARY) or b"")[1:]) == expected
    assert shown("scrub", JSON, rb'{"\u0061@example.com": "\ud800"}') == rb'{"[email]": "\ud800"}'
    assert shown("scrub", JSON, b'{"a@b.example": ') is None


@pytest.mark.parametrize(("text", "known"), [("ask [email]", True), ("ask [me]", False), ("", False), ("***", False)])
def test_what_it_has_found_is_recognised(text: str, known: bool) -> None:
    assert Scrub().recognises(text) is known
