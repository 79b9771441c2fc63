from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.keyring.document import (
    HEADER,
    MAX_CHARACTERS,
    MAX_KEYS,
    NO_DOCUMENT,
    Document,
    Entry,
    is_name,
    read_document,
    with_line,
)
from pgmaskproxy.mask.keys import Key
from tests.keyring.made import CREATED, OTHER, SECRET, entry, shown, text


def problems(said: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read_document("K", said)
    assert not shown(str(raised.value)), "an error quotes a secret"
    assert not shown(repr(raised.value.problems))
    return [str(problem) for problem in raised.value.problems]


def test_a_document_is_what_a_person_can_read() -> None:
    said = text(entry(), entry(version=2, secret=OTHER))
    head, about_secrets, about_fields, first, second = said.splitlines()
    assert head == "pgmaskproxy-keyring v1"
    assert about_secrets.startswith("# Who has a secret")
    assert about_fields == "# name version created fingerprint secret"
    assert re.fullmatch(r"masking 1 2026-11-22T08:15:27Z [0-9a-f]{8} [A-Za-z0-9_-]{43}", first)
    assert second.startswith("masking 2 ")
    assert said.endswith("\n")


def test_what_was_written_is_read() -> None:
    said = text(entry("tokens", 3), entry(version=2, secret=OTHER), entry())
    found = read_document("K", said)
    assert [(each.name, each.version, each.created) for each in found.entries] == [
        ("masking", 1, CREATED),
        ("masking", 2, CREATED),
        ("tokens", 3, CREATED),
    ]
    keyring = found.keyring()
    assert keyring.versions() == (("masking", 1), ("masking", 2), ("tokens", 3))
    assert keyring.derive("masking", 2, "x", "l", 32) == Key("masking", 2, OTHER).derive("x", "l", 32)
    newest = found.newest("masking")
    assert newest is not None
    assert newest.version == 2
    assert found.newest("none") is None
    assert NO_DOCUMENT.keyring().versions() == ()


@given(st.binary(min_size=32, max_size=32), st.integers(1, 65535))
def test_every_secret_comes_back(secret: bytes, version: int) -> None:
    (found,) = read_document("K", text(Entry("k", version, CREATED, secret))).entries
    assert found.key.derive("p", "l", 32) == Key("k", version, secret).derive("p", "l", 32)


@pytest.mark.parametrize("change", [lambda s: s.replace("\n", "\r\n"), lambda s: "\n\n" + s + "\n# end", str.rstrip])
def test_line_ends_and_comments_are_an_editors(change: object) -> None:
    assert callable(change)
    assert len(read_document("K", change(text())).entries) == 1


def test_the_order_of_lines_does_not_count() -> None:
    said = text(entry(version=2, secret=OTHER), entry())
    assert [each.version for each in read_document("K", said).entries] == [1, 2]


@pytest.mark.parametrize("said", ["", "\n\n", "# nothing\n"])
def test_nothing_is_no_keyring(said: str) -> None:
    assert problems(said) == ["K: has no keys in it: `pgmaskproxy key generate` makes one"]


def test_a_header_alone_is_no_keyring() -> None:
    assert problems(f"\n{HEADER}\n") == ["K:2: has no keys in it"]


@pytest.mark.parametrize(
    "said",
    [
        entry().line(),
        "apiVersion: pgmaskproxy/v1\nkind: Keyring\n",
        "pgmaskproxy-keyring v2\n" + entry().line(),
        SECRET.hex(),
        "\ufeff" + text(),
        "\x00\x01\x02",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_other_files_are_told_from_a_keyring(said: str) -> None:
    assert problems(said) == ['K:1: is no keyring: its first line is not "pgmaskproxy-keyring v1"']


def fields(**changed: str) -> str:
    name, version, created, fingerprint, secret = entry().line().split()
    known = {"name": name, "version": version, "created": created, "fingerprint": fingerprint, "secret": secret}
    return f"{HEADER}\n\n" + " ".join({**known, **changed}.values()) + "\n"


def _mangled(at: int, other: str) -> str:
    """A document with something else in it somewhere."""
    said = text(entry(), entry(version=2, secret=OTHER))
    return said[:at] + other + said[at + len(other) :]


SWAPPED = entry().line().split()[4]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (fields(name="Masking"), "the name is not"),
        (fields(name="m" * 33), "the name is not"),
        (fields(name=SWAPPED), "the name is not"),
        (fields(version="0"), "the version is not"),
        (fields(version="01"), "the version is not"),
        (fields(version="65536"), "the version is not"),
        (fields(version=SWAPPED), "the version is not"),
        (fields(created="2026-11-22"), "the date is not"),
        (fields(created=SWAPPED), "the date is not"),
        (fields(fingerprint="XXXXXXXX"), "the fingerprint is not"),
        (fields(secret=SWAPPED[:-1]), "the secret is not 32 bytes"),
        (fields(secret=SWAPPED + "AA"), "the secret is not 32 bytes"),
        (fields(secret=SWAPPED.replace(SWAPPED[3], "+")), "the secret is not 32 bytes"),
        (fields(secret=SECRET.hex()), "the secret is not 32 bytes"),
        (fields(secret="AAAA"), "the secret is not 32 bytes"),
        (fields(fingerprint="00000000"), "not the one that the fingerprint is of"),
        (fields(name="other"), "not the one that the fingerprint is of"),
        (fields(version="2"), "not the one that the fingerprint is of"),
        (fields(created=""), "has 4 fields"),
        (fields(secret=f"{SWAPPED} {SWAPPED}"), "has 6 fields"),
        (f"{HEADER}\n\n{SWAPPED}", "has 1 fields"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_and_never_shown(said: str, wrong: str) -> None:
    (found,) = problems(said)
    assert found.startswith("K:3: ")
    assert wrong in found


@given(st.text(max_size=200) | st.builds(_mangled, st.integers(0, 300), st.text(max_size=20)))
def test_whatever_is_there_is_a_keyring_or_an_error_that_shows_nothing(said: str) -> None:
    found: tuple[Problem, ...] = ()
    try:
        read_document("K", said)
    except ConfigError as error:
        found = error.problems
    assert all(problem.file == "K" for problem in found)
    assert not shown(str(found)), "an error quotes a secret"


def test_a_single_wrong_character_of_a_secret_is_noticed() -> None:
    for position in range(0, 42, 7):
        other = "A" if SWAPPED[position] != "A" else "B"
        (found,) = problems(fields(secret=SWAPPED[:position] + other + SWAPPED[position + 1 :]))
        assert "a character was changed" in found


def test_every_problem_is_said_at_once() -> None:
    said = text() + "x\n" + entry(version=2).line().replace("masking", "MASKING") + "\n"
    assert [found.split(":")[1] for found in problems(said)] == ["5", "6"]


def test_one_version_of_a_key_has_one_secret() -> None:
    assert problems(text(entry(), entry(secret=OTHER))) == ["K:5: the same name and version as in line 4"]


def test_it_is_bounded() -> None:
    assert problems(text() + "#" * MAX_CHARACTERS) == [f"K: is longer than {MAX_CHARACTERS} characters, so no keyring"]
    many = text(*(entry(version=number) for number in range(1, MAX_KEYS + 2)))
    assert problems(many) == [f"K:1: has more than {MAX_KEYS} keys"]


def test_a_key_is_added_below_what_is_there() -> None:
    said = text().replace("# name", "# made by alice\n# name").rstrip("\n")
    after = with_line(said, entry(version=2, secret=OTHER))
    assert after.startswith(said)
    assert [each.version for each in read_document("K", after).entries] == [1, 2]


def test_neither_repr_nor_text_shows_a_secret() -> None:
    found = Document([entry(), entry(version=2, secret=OTHER)])
    said = f"{found} {found!r} {found.entries[0]} {found.entries!r} {found.entries[0].key!r} {vars(entry)}"
    assert not shown(said)
    assert str(found.entries[0]) == f"masking/1 {entry().fingerprint}"


def test_a_fingerprint_is_of_name_version_and_secret_and_stays() -> None:
    prints = {each.fingerprint for each in (entry(), entry(version=2), entry("other"), entry(secret=OTHER))}
    assert len(prints) == 4
    assert entry().fingerprint == "e6568377"
    assert not shown(entry().fingerprint)


@pytest.mark.parametrize(
    ("name", "right"), [("masking", True), ("a", True), ("a-b_9", True), ("", False), ("9a", False)]
)
def test_names(name: str, right: bool) -> None:
    assert is_name(name) is right
