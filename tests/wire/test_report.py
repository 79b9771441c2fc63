from __future__ import annotations

import pytest

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire import backend, report
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.report import ErrorResponse, NoticeResponse


def test_bytes_as_the_manual_has_them() -> None:
    fields = {report.SEVERITY: b"ERROR", report.SQLSTATE: b"42501", report.MESSAGE: b"no"}
    assert ErrorResponse(fields).encode() == b"E\0\0\0\x17SERROR\0C42501\0Mno\0\0"
    assert NoticeResponse({}).encode() == b"N\0\0\0\5\0"


def test_the_order_of_fields_is_kept() -> None:
    decoded = backend.decode(Frame(ord("E"), b"Mm\0Cc\0Ss\0\0"))
    assert isinstance(decoded, ErrorResponse)
    assert list(decoded.fields.items()) == [(b"M", b"m"), (b"C", b"c"), (b"S", b"s")]


@pytest.mark.parametrize("body", [b"", b"Mm\0", b"Mm", b"Mm\0\0\0", b"Ma\0Mb\0\0"])
def test_broken_fields_are_refused(body: bytes) -> None:
    for code in (b"E", b"N"):
        with pytest.raises(PeerError):
            backend.decode(Frame(code[0], body))


@pytest.mark.parametrize("fields", [{b"": b"x"}, {b"\0": b"x"}, {b"MM": b"x"}, {b"M": b"a\0b"}])
def test_what_cannot_be_sent(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(InternalError):
        ErrorResponse(fields).encode()
