"""Which keys a session has: none before it is told, and from then on those that it was told of last."""

from __future__ import annotations

from pgmaskproxy.mask.keys import NO_KEYS, Key, Keyring
from pgmaskproxy.session.events import UseKeys
from tests.session.transcript import Play


def test_the_last_ones_it_was_told_of() -> None:
    told = Play(warm=True)
    link = told.session._link
    assert link.keys is NO_KEYS
    first = Keyring([Key("masking", 1, bytes(32))])
    assert told.session.receive(UseKeys(first)) == []
    assert link.keys is first
    told.session.receive(UseKeys(NO_KEYS))
    assert link.keys is NO_KEYS
