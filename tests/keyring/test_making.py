from __future__ import annotations

import pytest

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.keyring.document import MAX_KEYS, NO_DOCUMENT, read_document
from pgmaskproxy.keyring.making import NotMade, added, first, following
from tests.keyring.made import entry, shown, text


def test_the_first_and_the_next() -> None:
    made = first(NO_DOCUMENT, "tokens")
    assert (made.name, made.version) == ("tokens", 1)
    after = added("K", "", made)
    document = read_document("K", after)
    second = following(document, "tokens")
    assert (second.name, second.version) == ("tokens", 2)
    assert second.line().split()[4] != made.line().split()[4]
    both = read_document("K", added("K", after, second))
    assert [str(each) for each in both.entries] == [str(made), str(second)]


def test_a_key_is_never_made_again() -> None:
    with pytest.raises(NotMade, match='there is a key "masking" already, at version 1') as raised:
        first(read_document("K", text()), "masking")
    assert "key rotate --name masking" in raised.value.hint


def test_what_is_not_there_is_not_rotated() -> None:
    with pytest.raises(NotMade, match='there is no key "tokens"'):
        following(read_document("K", text()), "tokens")
    with pytest.raises(NotMade, match="the last there can be"):
        following(read_document("K", text(entry(version=65535))), "masking")


@pytest.mark.parametrize("name", ["", "A", "a b", "m" * 33, "a/b"])
def test_a_name_is_short_and_plain(name: str) -> None:
    with pytest.raises(NotMade, match="a key's name is"):
        first(NO_DOCUMENT, name)


def test_a_text_that_is_no_keyring_is_not_added_to() -> None:
    for wrong in ("something else\n", text() + "x"):
        with pytest.raises(ConfigError) as raised:
            added("K", wrong, entry(version=2))
        assert not shown(str(raised.value))
    many = text(*(entry(version=number) for number in range(1, MAX_KEYS + 1)))
    with pytest.raises(ConfigError, match="more than"):
        added("K", many, entry("other"))


def test_comments_stay() -> None:
    said = text() + "# the next one is for the move\n"
    assert added("K", said, entry(version=2)).startswith(said)
