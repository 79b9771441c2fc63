"""COPY's data under a transparent policy: whole frames pass as they are."""

from __future__ import annotations

import pytest

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copy import OpenCopy

FRAME = b"d\x00\x00\x00\x07a\tb"
EMPTY = b"d\x00\x00\x00\x04"


def test_frames_pass_up_to_one_that_is_not_whole_and_up_to_another_kind() -> None:
    data = b"???" + FRAME + EMPTY + FRAME[:-1]
    relayed = OpenCopy().relay(data, 3)
    assert (relayed.out, relayed.end, relayed.rows, relayed.cells) == (FRAME + EMPTY, 3 + len(FRAME + EMPTY), 2, 0)
    other = OpenCopy().relay(FRAME + b"c\x00\x00\x00\x04", 0)
    assert (other.out, other.end) == (FRAME, len(FRAME))


def test_an_impossible_length_is_an_error() -> None:
    with pytest.raises(PeerError, match="impossible length"):
        OpenCopy().relay(b"d\x00\x00\x00\x03", 0)
