"""The client's side of a session's beginning."""

from __future__ import annotations

import json

import pytest

from tests.session.transcript import play


def test_a_good_password_opens_the_upstream_and_only_then_says_ok() -> None:
    play(
        """
        >> StartupMessage 3.0 user="alice" database="shop"
        ?? LookUpLogin user="alice" database="shop"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        << AuthenticationSASLFinal
        ?? ConnectUpstream "shop_up"
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk
        <= ParameterStatus "server_version" "18.0" / BackendKeyData 99 "real" / ReadyForQuery I
        -- SessionReady 99 "real" "18.0"
        << AuthenticationOk / ParameterStatus "server_version" "18.0" / BackendKeyData 99 "key!"
        << ReadyForQuery I
        """,
        before="",
    )


def test_a_wrong_password_ends_before_any_upstream_exists() -> None:
    play(
        r"""
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "guess"
        -- LoginFailed "the password does not match"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"alice\""
        -- Close "password authentication failed for user \"alice\""
        """,
        before="",
    )


def test_an_unknown_user_is_played_to_the_end_and_hears_the_same_words() -> None:
    play(
        r"""
        >> StartupMessage 3.0 user="nobody"
        ?? LookUpLogin user="nobody"
        !! login "nobody" unknown
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        -- LoginFailed "unknown user"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"nobody\""
        -- Close "password authentication failed for user \"nobody\""
        """,
        before="",
    )


def test_an_unknown_user_who_guesses_the_mock_is_still_unknown() -> None:
    play(
        r"""
        >> StartupMessage 3.0 user="mallory"
        ?? LookUpLogin user="mallory"
        !! login "mallory" unknown guessed
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        -- LoginFailed "unknown user"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"mallory\""
        -- Close "password authentication failed for user \"mallory\""
        """,
        before="",
    )


def test_another_mechanism_than_the_one_offered_is_a_failed_login() -> None:
    play(
        r"""
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse "SCRAM-SHA-1"
        -- LoginFailed "the client chose a mechanism that was not offered"
        << ErrorResponse FATAL 28P01 "password authentication failed for user \"alice\""
        -- Close "password authentication failed for user \"alice\""
        """,
        before="",
    )


def test_what_is_not_a_password_message_ends_the_login() -> None:
    play(
        """
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> Query "SELECT 1"
        << ErrorResponse FATAL 08P01 "invalid message type 81"
        -- Close "invalid message type 81"
        """,
        before="",
    )


def test_encryption_requests_are_answered_n_each_once_and_then_the_start_up_goes_on() -> None:
    play(
        """
        >> GSSENCRequest
        << Byte N
        >> SSLRequest
        << Byte N
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        """,
        before="",
    )


def test_bytes_behind_an_ssl_request_end_the_connection() -> None:
    play(
        """
        >> SSLRequest / StartupMessage 3.0 user="alice"
        << ErrorResponse FATAL 08P01 "received unencrypted data after an encryption request"
        -- Close "received unencrypted data after an encryption request"
        """,
        before="",
    )


def test_a_second_ssl_request_ends_the_connection() -> None:
    play(
        """
        >> SSLRequest
        << Byte N
        >> SSLRequest
        << ErrorResponse FATAL 08P01 "received unencrypted data after an encryption request"
        -- Close "received unencrypted data after an encryption request"
        """,
        before="",
    )


def test_a_cancel_request_is_passed_on_and_answered_by_nothing() -> None:
    play(
        """
        >> CancelRequest 4711 "key!"
        -- CancelPeer 4711 "key!"
        -- Close "cancel request"
        """,
        before="",
    )


@pytest.mark.parametrize(
    ("version", "negotiated", "key"),
    [
        ("3.0", "", "key!"),
        ("3.1", "", "key!"),  # reserved, and taken as PostgreSQL 18 takes it
        ("3.2", "", "key! and more of it"),
        ("3.3", "<< NegotiateProtocolVersion 2", "key! and more of it"),
        ("3.9999", "<< NegotiateProtocolVersion 2", "key! and more of it"),
    ],
)
def test_protocol_3_2_has_longer_cancel_keys_and_what_is_newer_is_negotiated_down(
    version: str, negotiated: str, key: str
) -> None:
    given = f" given={json.dumps(key)}" if key != "key!" else ""
    play(
        f"""
        >> StartupMessage {version} user="alice"
        {negotiated}
        ?? LookUpLogin user="alice"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "wonder"
        << AuthenticationSASLFinal
        ?? ConnectUpstream "shop_up"
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / BackendKeyData 99 "real" / ReadyForQuery I
        -- SessionReady 99 "real" ""{given}
        << AuthenticationOk / BackendKeyData 99 {json.dumps(key)} / ReadyForQuery I
        """,
        before="",
    )


@pytest.mark.parametrize("minor", [0, 2])
def test_extensions_are_named_and_left_out(minor: int) -> None:
    play(
        f"""
        >> StartupMessage 3.{minor} user="alice" _pq_.compression="on"
        << NegotiateProtocolVersion {minor} "_pq_.compression"
        ?? LookUpLogin user="alice" _pq_.compression="on"
        """,
        before="",
    )


def test_protocol_2_is_not_spoken() -> None:
    play(
        """
        >> Bytes 00000009 00020000 00
        << ErrorResponse FATAL 0A000 "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"
        -- Close "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"
        """,
        before="",
    )


def test_a_start_up_parameter_that_may_not_pass_ends_the_login_before_a_password_is_asked() -> None:
    play(
        """
        >> StartupMessage 3.0 user="alice" debug_print_plan="on"
        ?? LookUpLogin user="alice" debug_print_plan="on"
        !! nologin 22023 "parameter not allowed"
        << ErrorResponse FATAL 22023 "parameter not allowed"
        -- Close "parameter not allowed"
        """,
        before="",
    )


def test_garbage_ends_the_connection() -> None:
    play(
        """
        >> Bytes 474554202f20485454502f312e310d0a0d0a
        << ErrorResponse FATAL 08P01 "invalid length of startup packet"
        -- Close "invalid length of startup packet"
        """,
        before="",
    )


def test_a_length_of_two_gigabytes_ends_the_connection_at_once() -> None:
    play(
        """
        >> Bytes 7fffffff
        << ErrorResponse FATAL 08P01 "invalid length of startup packet"
        -- Close "invalid length of startup packet"
        """,
        before="",
    )


def test_a_start_up_packet_in_crumbs_is_a_start_up_packet() -> None:
    play(
        """
        >> Bytes 000000
        >> Bytes 12 00030000 7573
        >> Bytes 657200 616c6900 00
        ?? LookUpLogin user="ali"
        """,
        before="",
    )


def test_a_client_that_leaves_during_login_is_gone() -> None:
    play(
        """
        >> StartupMessage 3.0 user="alice"
        ?? LookUpLogin user="alice"
        >>
        -- Close "the client left"
        !! login "alice"
        """,
        before="",
    )


def test_statements_pipelined_behind_the_password_wait_for_the_login() -> None:
    play(
        """
        >> StartupMessage 3.0 user="alice" database="shop"
        ?? LookUpLogin user="alice" database="shop"
        !! login "alice"
        << AuthenticationSASL "SCRAM-SHA-256"
        >> SASLInitialResponse
        << AuthenticationSASLContinue
        >> SASLResponse "wonder" / Query ""
        << AuthenticationSASLFinal
        ?? ConnectUpstream "shop_up"
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / ReadyForQuery I
        -- SessionReady 0 "" ""
        << AuthenticationOk / BackendKeyData 4711 "key!" / ReadyForQuery I
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        """,
        before="",
    )


def test_a_time_out_while_logging_in_is_told() -> None:
    play(
        """
        >> StartupMessage 3.0 user="alice" database="shop"
        ?? LookUpLogin user="alice" database="shop"
        !! shutdown 57014 "canceling authentication due to timeout"
        << ErrorResponse FATAL 57014 "canceling authentication due to timeout"
        -- Close "canceling authentication due to timeout"
        """,
        before="",
    )
