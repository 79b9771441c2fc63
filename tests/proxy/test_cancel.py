"""Cancel keys: only who has both halves of a key in force cancels anything."""

from __future__ import annotations

from collections.abc import Callable

from pgmaskproxy.proxy.cancel import CancelKeys

A, B = b"a" * 32, b"b" * 32


def drawing(*values: bytes) -> Callable[[int], bytes]:
    """A source of randomness that gives these, in order."""
    left = list(values)

    def draw(size: int) -> bytes:
        value = left.pop(0)
        assert len(value) == size
        return value

    return draw


def test_the_whole_key_cancels_its_session_and_no_other() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", A, b"\0\0\0\2", B)), []
    first = keys.issue(lambda: cancelled.append(1))
    second = keys.issue(lambda: cancelled.append(2))
    assert (first, second) == ((1, A), (2, B))
    for key in (first, second):
        keys.give(key[0], *key)
    assert keys.present(*second)
    assert cancelled == [2]


def test_what_cancels_is_as_much_as_the_client_was_given() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", A, b"\0\0\0\2", B)), []
    keys.issue(lambda: cancelled.append(1))
    keys.issue(lambda: cancelled.append(2))
    for secret in (A, A[:4], b""):
        assert not keys.present(1, secret), "nothing before it is given"
    keys.give(1, 1, A[:4])
    keys.give(2, 2, B)
    assert not keys.present(1, A)
    assert not keys.present(2, B[:4])
    assert keys.present(1, A[:4])
    assert keys.present(2, B)
    assert cancelled == [1, 2]
    keys.withdraw(1)
    keys.give(1, 1, A)  # it has ended meanwhile
    assert not keys.present(1, A)


def test_a_wrong_secret_or_a_wrong_process_does_nothing() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", A)), []
    keys.issue(lambda: cancelled.append(1))
    keys.give(1, 1, b"aaaa")
    for process_id, secret in ((1, b"aaab"), (1, b""), (1, b"aaaaa"), (2, b"aaaa"), (0, b"")):
        assert not keys.present(process_id, secret)
    assert cancelled == []


def test_a_withdrawn_key_does_nothing_and_may_be_withdrawn_again() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", A)), []
    key = keys.issue(lambda: cancelled.append(1))
    keys.give(key[0], *key)
    assert len(keys) == 1
    keys.withdraw(key[0])
    keys.withdraw(key[0])
    assert not keys.present(*key)
    assert (len(keys), cancelled) == (0, [])


def test_a_process_id_is_positive_and_in_use_once() -> None:
    """0 means none to some drivers, and a negative one is none to others (Int32 on the wire)."""
    keys = CancelKeys(drawing(b"\x80\0\0\0", b"\x80\0\0\7", A, b"\0\0\0\7", b"\0\0\0\0", b"\0\0\0\x08", B))
    assert keys.issue(lambda: None) == (7, A)
    assert keys.issue(lambda: None) == (8, B)


def test_a_client_is_told_the_servers_process_and_several_may_be_told_the_same() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", A, b"\0\0\0\2", B)), []
    keys.issue(lambda: cancelled.append(1))
    keys.issue(lambda: cancelled.append(2))
    keys.give(1, 99, A)
    keys.give(2, 99, B)
    assert not keys.present(1, A), "the number is our own affair"
    assert keys.present(99, B)
    assert cancelled == [2]
    keys.withdraw(2)
    assert not keys.present(99, B)
    assert keys.present(99, A)
    keys.withdraw(1)
    assert not keys.present(99, A)
    assert len(keys) == 0
