"""Why a statement was refused, without the values that its text may have (promise 3: never a value)."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Refusal
from pgmaskproxy.session.events import RecordRefusal
from tests.proxy.test_records import Ledger, ledger

__all__ = ["ledger"]

SECRET = "937-63-8919"


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("42601", f"syntax error at or near \"'{SECRET}'\""),
        Refusal("22021", f'invalid byte sequence: "{SECRET}"'),
        Refusal("22023", f'invalid value for parameter "client_min_messages": "{SECRET}"'),
        Refusal("42704", f'unrecognized configuration parameter "pgmaskproxy.{SECRET}"'),
        Refusal("42501", f'permission denied to set "{SECRET}"', facts=(("setting", SECRET),)),
    ],
)
def test_no_text_of_the_clients_is_in_the_log(ledger: Ledger, refusal: Refusal) -> None:
    ledger.records.refusal(RecordRefusal(1, refusal, None, f"SELECT '{SECRET}'"))
    assert ledger.written("statement.decided") != []
    assert SECRET not in ledger.log.path.read_text(encoding="utf-8")
