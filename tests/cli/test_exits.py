"""Every error of the project's has an exit code, and says what, where and what next."""

from __future__ import annotations

import pytest

from pgmaskproxy.approval.refusals import NoSuchRequest
from pgmaskproxy.cli.exits import Exit, Failure, failure_of
from pgmaskproxy.errors import (
    AuditFailed,
    AuthenticationFailed,
    ConfigError,
    InternalError,
    Problem,
    ProxyError,
    Unavailable,
    Unparsable,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([Problem("bad", "f.yaml", 3)]), 78),
        (Unavailable("gone"), 69),
        (AuditFailed("full"), 69),
        (AuthenticationFailed("why"), 77),
        (Unparsable("no"), 1),
        (InternalError("guard"), 1),
        (NoSuchRequest("x"), 1),
    ],
)
def test_codes(error: ProxyError, code: int) -> None:
    assert failure_of(error).code == code


def test_the_codes_are_sysexits() -> None:
    assert {each.name: int(each) for each in Exit} == {
        "OK": 0,
        "NEGATIVE": 1,
        "USAGE": 2,
        "UNAVAILABLE": 69,
        "TEMPORARY": 75,
        "NOPERM": 77,
        "CONFIG": 78,
        "INTERRUPTED": 130,
    }


def test_as_dict() -> None:
    failure = failure_of(ConfigError([Problem("bad", "f.yaml", 3, "mend"), Problem("worse")]))
    assert failure.as_dict()["problems"] == [
        {"message": "bad", "file": "f.yaml", "line": 3, "hint": "mend"},
        {"message": "worse"},
    ]
    assert failure.as_dict()["exit_code"] == 78
    full = Failure(Exit.UNAVAILABLE, "what", where="here", next_step="do").as_dict()
    assert full == {"what": "what", "exit_code": 69, "where": "here", "next": "do"}
