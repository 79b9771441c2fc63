from __future__ import annotations

import pytest

from pgmaskproxy.errors import InternalError
from pgmaskproxy.wire.frontend import Parse, Query, Sync
from pgmaskproxy.wire.message import Message


def test_messages_are_compared_by_kind_and_bytes() -> None:
    assert Query(b"SELECT 1") == Query(b"SELECT 1")
    assert Query(b"SELECT 1") != Query(b"SELECT 2")
    assert len({Sync(), Sync(), Query(b"")}) == 2
    assert Query(b"") != b"Q\0\0\0\5\0"


def test_a_repr_holds_no_content() -> None:
    assert repr(Parse(b"secret-name", b"SELECT 'secret'")) == "<Parse 35 bytes>"


def test_the_base_has_no_bytes() -> None:
    with pytest.raises(InternalError):
        Message().encode()
