"""A session's beginning where TLS is offered: who gets in without, and what the channel is bound to."""

from __future__ import annotations

import pytest

from pgmaskproxy.session.link import Door
from tests.session.transcript import play

OFFERED = Door(tls=True)
REQUIRED = Door(tls=True, required=True)


def test_after_an_ssl_request_nothing_is_read_before_tls_is_agreed() -> None:
    play(
        """
        >> SSLRequest
        << Byte S
        ?? StartTls
        !! encrypted
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        """,
        before="",
        door=REQUIRED,
    )


def test_where_tls_is_offered_a_client_may_go_without() -> None:
    play(
        """
        >> GSSENCRequest
        << Byte N
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        """,
        before="",
        door=OFFERED,
    )


def test_where_it_is_required_nobody_logs_in_without() -> None:
    play(
        """
        >> GSSENCRequest
        << Byte N
        >> StartupMessage 3.0 user="alice"
        << ErrorResponse FATAL 28000 "this server takes no login without encryption" ...
        -- Close "this server takes no login without encryption"
        """,
        before="",
        door=REQUIRED,
    )


def test_a_cancel_request_may_come_without_as_libpq_has_always_sent_it() -> None:
    play(
        """
        >> CancelRequest 4711 "key!"
        -- CancelPeer 4711 "key!"
        -- Close "cancel request"
        """,
        before="",
        door=REQUIRED,
    )


def test_a_cancel_request_may_come_through_tls() -> None:
    play(
        """
        >> SSLRequest
        << Byte S
        ?? StartTls
        !! encrypted
        >> CancelRequest 4711 "key! and more of it"
        -- CancelPeer 4711 "key! and more of it"
        -- Close "cancel request"
        """,
        before="",
        door=REQUIRED,
    )


def test_bytes_behind_an_ssl_request_never_come_before_tls() -> None:
    """Whoever is in between put them there (CVE-2021-23214)."""
    play(
        """
        >> SSLRequest / StartupMessage 3.0 user="alice"
        << ErrorResponse FATAL 08P01 "received unencrypted data after an encryption request"
        -- Close "received unencrypted data after an encryption request"
        """,
        before="",
        door=REQUIRED,
    )


@pytest.mark.parametrize("request_", ["SSLRequest", "GSSENCRequest"])
def test_inside_tls_no_encryption_is_asked_for(request_: str) -> None:
    play(
        f"""
        >> {request_}
        << ErrorResponse FATAL 08P01 "received unencrypted data after an encryption request"
        -- Close "received unencrypted data after an encryption request"
        """,
        before="!! encrypted directly",
        door=OFFERED,
    )


def test_a_client_may_begin_with_tls() -> None:
    play(
        """
        !! encrypted directly
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256-PLUS" "SCRAM-SHA-256"
        """,
        before="",
        door=REQUIRED,
    )


# --- SCRAM-SHA-256-PLUS

ASKED = """
    !! encrypted directly
    >> StartupMessage 3.0 user="alice"
    !! login "alice"
"""


def test_the_channel_is_bound_where_the_client_can() -> None:
    play(
        """
        >> SASLInitialResponse "SCRAM-SHA-256-PLUS"
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        << AuthenticationSASLFinal
        ?? ConnectUpstream "shop_up" scram-sha-256-plus
        """,
        before=ASKED,
        door=OFFERED,
    )


def test_who_sees_another_certificate_than_ours_does_not_log_in() -> None:
    play(
        r"""
        >> SASLInitialResponse "SCRAM-SHA-256-PLUS" "of somebody in the middle"
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        -- LoginFailed "SCRAM channel binding does not match"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"alice\""
        -- Close "password authentication failed for user \"alice\""
        """,
        before=ASKED,
        door=OFFERED,
    )


def test_who_was_not_told_of_plus_has_somebody_in_the_middle() -> None:
    play(
        r"""
        >> SASLInitialResponse "SCRAM-SHA-256" "of the certificate"
        -- LoginFailed "SCRAM channel binding was stripped from what the server offered"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"alice\""
        -- Close "password authentication failed for user \"alice\""
        """,
        before=ASKED,
        door=OFFERED,
    )


def test_a_client_without_channel_binding_logs_in_as_ever() -> None:
    play(
        """
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        << AuthenticationSASLFinal
        ?? ConnectUpstream "shop_up"
        """,
        before=ASKED,
        door=OFFERED,
    )


def test_a_certificate_without_a_binding_offers_none() -> None:
    play(
        r"""
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse "SCRAM-SHA-256-PLUS"
        -- LoginFailed "the client chose a mechanism that was not offered"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"alice\""
        -- Close "password authentication failed for user \"alice\""
        """,
        before="""
        !! encrypted directly unbound
        >> StartupMessage 3.0 user="alice"
        """,
        door=OFFERED,
    )


def test_whose_certificate_says_who_he_is_needs_no_password() -> None:
    play(
        """
        !! certified "alice"
        ?? ConnectUpstream "shop_up" certificate
        """,
        before="""
        !! encrypted directly
        >> StartupMessage 3.0 user="alice"
        """,
        door=OFFERED,
    )
