"""Sessions: unguessable, expiring by idleness and by age, few per person, and bounded."""

from __future__ import annotations

import secrets

import pytest

from pgmaskproxy.web.pages import sessions
from pgmaskproxy.web.pages.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, PER_PERSON, Sessions, proof_of


@pytest.fixture
def kept() -> Sessions:
    return Sessions(secrets.token_bytes)


def test_an_id_is_random_and_only_its_hash_is_kept(kept: Sessions) -> None:
    ids = {kept.begin(f"person{number}", "", 0.0) for number in range(50)}
    assert len(ids) == 50
    assert all(len(each) == 43 for each in ids)
    assert not any(each in repr(kept.__dict__) for each in ids)
    assert kept.find("", 0.0, use=True) is None
    assert kept.find("\udcff", 0.0, use=True) is None


def test_idle_ends_it_and_use_keeps_it(kept: Sessions) -> None:
    one = kept.begin("bob", "", 0.0)
    assert kept.find(one, IDLE_SECONDS - 1, use=True) is not None
    assert kept.find(one, 2 * IDLE_SECONDS - 2, use=False) is not None, "looking is no use"
    assert kept.find(one, 2 * IDLE_SECONDS - 1, use=True) is None
    assert len(kept) == 0


def test_age_ends_it_whatever_happens(kept: Sessions) -> None:
    one, now = kept.begin("bob", "", 0.0), 0.0
    while now < ABSOLUTE_SECONDS:
        assert kept.find(one, now, use=True) is not None
        now += IDLE_SECONDS / 2
    assert kept.find(one, now, use=True) is None


def test_one_person_has_a_few_and_others_keep_theirs(kept: Sessions) -> None:
    other = kept.begin("carol", "", 0.0)
    ids = [kept.begin("bob", "", float(number)) for number in range(PER_PERSON + 2)]
    assert [kept.find(each, 20.0, use=False) is not None for each in ids] == [False] * 2 + [True] * PER_PERSON
    assert kept.find(other, 20.0, use=False) is not None


def test_all_of_them_are_bounded(kept: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ALL", 3)
    ids = [kept.begin(f"person{number}", "", 0.0) for number in range(5)]
    assert [kept.find(each, 0.0, use=False) is not None for each in ids] == [False, False, True, True, True]


def test_an_ended_one_is_dead(kept: Sessions) -> None:
    one = kept.begin("bob", "", 0.0)
    kept.end("another")
    kept.end(one)
    assert kept.find(one, 0.0, use=True) is None


def test_a_proof_is_no_hash_of_a_password() -> None:
    assert proof_of("a") != proof_of("b") != proof_of(None)
    assert "argon2id" not in proof_of("$argon2id$")
