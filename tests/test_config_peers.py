"""The settings of the two sides: what encryption they come to, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pgmaskproxy.config_peers import ListenTls, Upstream


def upstream(**more: Any) -> Upstream:
    return Upstream.model_validate({"user": "pgmaskproxy", "databases": ["shop"], **more})


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        # Nothing said: in the clear only where it never leaves this machine.
        ({"host": "127.0.0.1"}, "disable"),
        ({"host": "127.8.8.8"}, "disable"),
        ({"host": "::1"}, "disable"),
        ({"host": "localhost"}, "disable"),
        ({"host": "/run/postgresql"}, "disable"),
        ({"host": "db.internal"}, "verify-full"),
        ({"host": "10.0.0.1"}, "verify-full"),
        ({"host": "localhost.evil.example"}, "verify-full"),
        ({"host": "127.0.0.1", "sslrootcert": "ca.pem"}, "verify-full"),
        ({"host": "127.0.0.1", "sslrootcert": "system"}, "verify-full"),
        # Said.
        ({"host": "db.internal", "sslmode": "disable"}, "disable"),
        ({"host": "127.0.0.1", "sslmode": "require"}, "require"),
        ({"host": "127.0.0.1", "sslmode": "require", "sslrootcert": "ca.pem"}, "verify-ca"),
        ({"host": "db.internal", "sslmode": "verify-ca", "sslrootcert": "ca.pem"}, "verify-ca"),
    ],
)
def test_the_mode_in_force(given: dict[str, Any], tls: str) -> None:
    assert upstream(**given).tls == tls


@pytest.mark.parametrize("mode", ["allow", "prefer", "VERIFY-FULL", ""])
def test_a_mode_that_anybody_in_between_could_end_is_none(mode: str) -> None:
    with pytest.raises(ValidationError, match="sslmode"):
        upstream(sslmode=mode)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"sslmode": "require", "sslcert": "c.pem"}, "of use only together"),
        ({"sslmode": "require", "sslkey": "k.pem"}, "of use only together"),
        ({"sslmode": "disable", "sslrootcert": "ca.pem"}, "sslrootcert is for TLS, and there is no TLS"),
        ({"sslcert": "c.pem", "sslkey": "k.pem"}, "sslcert is for TLS, and there is no TLS: say sslmode"),
        ({"sslnegotiation": "direct"}, "sslnegotiation: direct is for TLS"),
        ({"channel_binding": "require"}, "channel_binding: require is for TLS"),
        ({"sslmode": "verify-ca"}, "by the system's roots"),
        ({"sslmode": "verify-ca", "sslrootcert": "system"}, "by the system's roots"),
        ({"sslmode": "require", "sslrootcert": "system"}, "by the system's roots"),
        ({"host": "/run", "sslrootcert": "ca.pem"}, "a Unix socket has no TLS"),
        ({"host": "/run", "sslmode": "require"}, "a Unix socket has no TLS"),
    ],
)
def test_what_would_be_ignored_is_an_error(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        upstream(**given)


def test_a_revocation_list_is_for_certificates_that_somebody_issues() -> None:
    with pytest.raises(ValidationError, match="there is no client_ca"):
        ListenTls(cert=Path("c"), key=Path("k"), client_crl=Path("crl"))


def test_a_key_s_password_is_never_shown() -> None:
    settings = ListenTls.model_validate({"cert": "c", "key": "k", "key_password": "hush"})
    assert "hush" not in repr(settings)
