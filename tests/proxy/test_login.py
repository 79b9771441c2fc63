"""How a login was proven, and that what principals.yaml asks for by then is what counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.model import PrincipalKind
from pgmaskproxy.policy.principals import Certificate, Directory, User
from pgmaskproxy.proxy.login import proven_by
from tests.harness.certificates import Authority

SCRAM = "scram-sha-256"
MINE, ANOTHER = Certificate(cn="agent"), Certificate(cn="other")


@pytest.mark.parametrize(
    ("wanted", "password", "shown", "method", "proven"),
    [
        (None, True, False, SCRAM, SCRAM),
        (None, True, True, SCRAM, SCRAM),
        (MINE, True, True, SCRAM, f"certificate+{SCRAM}"),
        (MINE, False, True, "certificate", "certificate"),
        # Read again while the login was under way.
        (MINE, True, False, SCRAM, None),
        (ANOTHER, True, True, SCRAM, None),
        (ANOTHER, False, True, "certificate", None),
        (None, True, True, "certificate", None),
        (MINE, True, True, "certificate", None),
    ],
)
def test_what_is_asked_for_by_now_counts(
    tmp_path: Path, wanted: Certificate | None, *, password: bool, shown: bool, method: str, proven: str | None
) -> None:
    certificate = Authority(tmp_path).client("agent").der if shown else None
    user = User("agent", PrincipalKind.AGENT, "a verifier" if password else None, certificate=wanted)
    assert proven_by(Directory({}, {"agent": user}), "agent", certificate, method) == proven
