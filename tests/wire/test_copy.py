from __future__ import annotations

import pytest

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire import backend
from pgmaskproxy.wire.copy import CopyData, CopyFail, CopyInResponse, CopyOutResponse
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.limits import MAX_COLUMNS


def test_bytes_as_the_manual_has_them() -> None:
    assert CopyData(b"1\tx\n").encode() == b"d\0\0\0\x081\tx\n"
    assert CopyFail(b"no").encode() == b"f\0\0\0\7no\0"
    assert CopyInResponse(0, (0, 0)).encode() == b"G\0\0\0\x0b\0\0\2\0\0\0\0"
    assert CopyOutResponse(1, (1,)).encode() == b"H\0\0\0\x09\1\0\1\0\1"


@pytest.mark.parametrize("code", [b"G", b"H", b"W"])
@pytest.mark.parametrize("body", [b"\2\0\0", b"\0\0\1\0\2", b"\0\0\1\xff\xff", b"\0\xff\xff"])
def test_unknown_formats_and_counts_are_refused(code: bytes, body: bytes) -> None:
    with pytest.raises(PeerError):
        backend.decode(Frame(code[0], body))


def test_no_copy_has_more_columns_than_a_row() -> None:
    backend.decode(Frame(ord("H"), CopyOutResponse(0, (0,) * MAX_COLUMNS).encode()[5:]))
    with pytest.raises(PeerError):
        backend.decode(Frame(ord("H"), CopyOutResponse(0, (0,) * (MAX_COLUMNS + 1)).encode()[5:]))


def test_what_cannot_be_sent() -> None:
    with pytest.raises(InternalError):
        CopyInResponse(256, ()).encode()
