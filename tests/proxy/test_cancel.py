"""Cancel keys: only who has both halves of a key in force cancels anything."""

from __future__ import annotations

from collections.abc import Callable

from pgmaskproxy.proxy.cancel import CancelKeys


def drawing(*values: bytes) -> Callable[[int], bytes]:
    """A source of randomness that gives these, in order."""
    left = list(values)

    def draw(size: int) -> bytes:
        value = left.pop(0)
        assert len(value) == size
        return value

    return draw


def test_the_whole_key_cancels_its_session_and_no_other() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", b"aaaa", b"\0\0\0\2", b"bbbb")), []
    first = keys.issue(lambda: cancelled.append(1))
    second = keys.issue(lambda: cancelled.append(2))
    assert (first, second) == ((1, b"aaaa"), (2, b"bbbb"))
    assert keys.present(*second)
    assert cancelled == [2]


def test_a_wrong_secret_or_a_wrong_process_does_nothing() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", b"aaaa")), []
    keys.issue(lambda: cancelled.append(1))
    for process_id, secret in ((1, b"aaab"), (1, b""), (1, b"aaaaa"), (2, b"aaaa"), (0, b"")):
        assert not keys.present(process_id, secret)
    assert cancelled == []


def test_a_withdrawn_key_does_nothing_and_may_be_withdrawn_again() -> None:
    keys, cancelled = CancelKeys(drawing(b"\0\0\0\1", b"aaaa")), []
    key = keys.issue(lambda: cancelled.append(1))
    assert len(keys) == 1
    keys.withdraw(key[0])
    keys.withdraw(key[0])
    assert not keys.present(*key)
    assert (len(keys), cancelled) == (0, [])


def test_a_process_id_is_positive_and_in_use_once() -> None:
    """0 means none to some drivers, and a negative one is none to others (Int32 on the wire)."""
    keys = CancelKeys(drawing(b"\x80\0\0\0", b"\x80\0\0\7", b"aaaa", b"\0\0\0\7", b"\0\0\0\0", b"\0\0\0\x08", b"bbbb"))
    assert keys.issue(lambda: None) == (7, b"aaaa")
    assert keys.issue(lambda: None) == (8, b"bbbb")
