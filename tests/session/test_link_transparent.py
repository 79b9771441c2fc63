"""A session under a transparent policy: it ends where that policy does."""

from __future__ import annotations

import pytest

from pgmaskproxy.errors import PeerError
from pgmaskproxy.model import Visibility
from pgmaskproxy.session.link import Limits, Link
from pgmaskproxy.session.results import unpins
from tests.session.transcript import ENTROPY, play

TRANSPARENT = Visibility(frozenset(), {}, transparent=True)
OTHER = Visibility(frozenset(), {})


def test_a_session_does_not_outlive_the_policy_that_let_it_set_anything() -> None:
    began = Link(ENTROPY, Limits())
    began.transparent = True
    became = Link(ENTROPY, Limits())
    became.see(OTHER)
    became.see(TRANSPARENT)
    for link in (began, became):
        for other in (OTHER, None):
            with pytest.raises(PeerError) as caught:
                link.see(other)
            assert caught.value.sqlstate == "57P01"
        link.see(TRANSPARENT)


def test_only_under_it_one_setting_may_move_that_is_pinned() -> None:
    link = Link(ENTROPY, Limits())
    assert not unpins(link, b"standard_conforming_strings")
    link.see(TRANSPARENT)
    assert unpins(link, b"standard_conforming_strings")
    assert not unpins(link, b"client_encoding")


def test_copy_in_that_nobody_has_read_takes_its_data() -> None:
    play(
        """
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! unread transparent
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Flush
        <= CopyInResponse 0
        << CopyInResponse 0
        >> CopyData "a" / CopyDone
        => CopyData "a" / CopyDone / Flush / Close P "" / Close S "" / Sync
        """
    )
