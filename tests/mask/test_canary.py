"""Canaries are found in every form that is promised, wherever a write ends, and nothing else is."""

from __future__ import annotations

import base64
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.canary import ALPHABET, Watch, Watcher, forms, unfit

SSN = "937-12-4711"
EMAIL = "mara.Lindqvist7x3k@post.example"
CARD = "9999371122334452"
UUID = "0b9f1c1e-64c6-4d0e-9d0b-6c8c1f2a9e77"
NUMBER = str((1 << 62) + 271828182845904523)
WATCH = Watch([("ssn", SSN), ("email", EMAIL), ("card", CARD), ("uuid", UUID), ("number", NUMBER)])
VALUES = {"ssn": SSN, "email": EMAIL, "card": CARD, "uuid": UUID, "number": NUMBER}


@pytest.mark.parametrize("name", VALUES)
def test_every_form(name: str) -> None:
    value = VALUES[name]
    seen = [value, value.upper(), value.lower(), value.title(), value.encode().hex(), value.encode().hex().upper()]
    seen += [base64.b64encode(before + value.encode() + b"...").decode() for before in (b"", b"a", b"ab", b"abc")]
    for form in seen:
        for before, after in (("", ""), ("x", "y"), ("{" + "n" * 300, "n" * 300)):
            assert WATCH.find((before + form + after).encode()) == name, form


def test_forms_without_separators_and_binary_ones() -> None:
    assert WATCH.find(b"card 9999371122334452.") == "card"
    assert Watch([("card", "9999 3711 2233 4452")]).find(b"9999371122334452") == "card"
    assert WATCH.find(UUID.replace("-", "").encode()) == "uuid"
    assert WATCH.find(b"\0\0\0\x10" + uuid.UUID(UUID).bytes) == "uuid"
    assert WATCH.find(struct.pack("!iq", 8, int(NUMBER))) == "number"


def test_a_form_that_is_too_short_to_mean_anything_is_not_looked_for() -> None:
    assert SSN.replace("-", "").encode() not in forms(SSN)
    assert WATCH.find(b"937124711") == ""
    assert all(len(form) >= 8 for value in VALUES.values() for form in forms(value))


@pytest.mark.parametrize(
    "value",
    ["937-12-471", "12345678901234", "a\tb and more of it", 'a "quoted" thing', "Müller-Lüdenscheidt", " 937-12-4711"],
)
def test_what_cannot_be_a_canary(value: str) -> None:
    assert unfit(value)
    with pytest.raises(ValueError, match=r"."):
        Watch([("x", value)])


def test_nothing_to_look_for() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Watch([])


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_lies_across_two_writes(name: str) -> None:
    for form in forms(VALUES[name]):
        data = b"before" * 20 + form + b"after" * 20
        for at in range(len(data)):
            watcher = Watcher(WATCH)
            assert name in (watcher.scan(data[:at]), watcher.scan(data[at:])), (form, at)


def test_a_value_that_comes_a_byte_at_a_time_is_found_with_its_last() -> None:
    watcher = Watcher(WATCH)
    found = [watcher.scan(bytes([byte])) for byte in b"......" + SSN.encode()]
    assert found == [""] * (len(found) - 1) + ["ssn"]


def test_what_was_not_looked_through_is_not_continued() -> None:
    watcher = Watcher(WATCH)
    assert watcher.scan(SSN[:6].encode()) == ""
    watcher.skip()
    assert watcher.scan(SSN[6:].encode()) == ""


_values = st.text(sorted(ALPHABET - {" "}), min_size=15, max_size=40).filter(lambda value: not unfit(value))


@given(st.lists(_values, min_size=1, max_size=5), st.binary(max_size=400), st.data())
def test_found_exactly_where_one_of_its_forms_is(values: list[str], noise: bytes, data: st.DataObject) -> None:
    watch = Watch((str(number), value) for number, value in enumerate(values))
    needles = [form.lower() for value in values for form in forms(value)]
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(noise)))
        noise = noise[:at] + data.draw(st.sampled_from(needles)) + noise[at:]
    for find in (watch.find, watch._search, watch._skip_through):
        found = find(noise)
        assert bool(found) == any(needle in noise.lower() for needle in needles)
        if found:
            assert any(form.lower() in noise.lower() for form in forms(values[int(found)]))


@given(st.lists(st.binary(max_size=30), max_size=12))
def test_a_stream_is_looked_through_as_one(parts: list[bytes]) -> None:
    parts = [*parts[:6], EMAIL[:9].encode(), EMAIL[9:11].encode(), EMAIL[11:].encode(), *parts[6:]]
    watcher = Watcher(WATCH)
    assert "email" in [watcher.scan(part) for part in parts]
