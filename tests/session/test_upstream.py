"""Our own login at the server."""

from __future__ import annotations

import pytest

from tests.session.transcript import Play, play

ALICE = """
    >> StartupMessage 3.0 user="alice" database="shop"
    !! login "alice"
    >> SASLInitialResponse
    >> SASLResponse "wonder"
"""


def test_scram_proves_both_sides() -> None:
    play(
        """
        !! connected password
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationSASL "SCRAM-SHA-256-PLUS" "SCRAM-SHA-256"
        => SASLInitialResponse
        <= AuthenticationSASLContinue
        => SASLResponse
        <= AuthenticationSASLFinal / AuthenticationOk / BackendKeyData 9 "real" / ReadyForQuery I
        -- SessionReady 9 "real" ""
        << AuthenticationOk / BackendKeyData 9 "key!" / ReadyForQuery I
        """,
        before=ALICE,
    )


def test_a_server_that_cannot_prove_that_it_knows_the_password_is_not_ours() -> None:
    play(
        """
        !! connected password
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationSASL "SCRAM-SHA-256"
        => SASLInitialResponse
        <= AuthenticationSASLContinue
        => SASLResponse
        <= AuthenticationSASLFinal forged
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close "the server does not know the password"
        """,
        before=ALICE,
    )


def test_a_server_that_skips_its_own_proof_is_not_ours() -> None:
    play(
        """
        !! connected password
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationSASL "SCRAM-SHA-256"
        => SASLInitialResponse
        <= AuthenticationOk
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close "the server ended the SCRAM exchange early"
        """,
        before=ALICE,
    )


def test_cleartext_is_answered_when_asked_for() -> None:
    play(
        r"""
        !! connected password
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationCleartextPassword
        => PasswordMessage "upstream\u0000"
        <= AuthenticationOk / ReadyForQuery I
        -- SessionReady 0 "" ""
        << AuthenticationOk / BackendKeyData 4711 "key!" / ReadyForQuery I
        """,
        before=ALICE,
    )


@pytest.mark.parametrize("asked", ['AuthenticationSASL "SCRAM-SHA-256"', "AuthenticationCleartextPassword"])
def test_a_server_that_wants_a_password_where_none_is_configured_is_the_operators_trouble(asked: str) -> None:
    play(
        f"""
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= {asked}
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close ...
        """,
        before=ALICE,
    )


@pytest.mark.parametrize("asked", ["AuthenticationMD5Password", 'AuthenticationSASL "OTHER"', "ParseComplete"])
def test_other_methods_are_refused(asked: str) -> None:
    play(
        f"""
        !! connected password
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= {asked}
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close ...
        """,
        before=ALICE,
    )


def test_a_server_that_is_down_is_told_as_the_shell_says() -> None:
    play(
        """
        !! unreachable
        << ErrorResponse FATAL 08006 "the upstream server cannot be reached"
        -- Close "connection refused"
        """,
        before=ALICE,
    )


def test_what_a_client_can_act_on_is_passed_on_by_its_sqlstate_in_our_words() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= ErrorResponse FATAL 57P03 "the database system is starting up, see /var/secret"
        << ErrorResponse FATAL 57P03 "the upstream server is starting up or shutting down"
        -- Close "57P03: the database system is starting up, see /var/secret"
        """,
        before=ALICE,
    )


def test_what_only_the_operator_can_act_on_is_08006_and_the_reason_is_for_the_log() -> None:
    play(
        """
        !! connected password
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationSASL "SCRAM-SHA-256"
        => SASLInitialResponse
        <= ErrorResponse FATAL 28P01 "password authentication failed for user app"
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close "28P01: password authentication failed for user app"
        """,
        before=ALICE,
    )


def test_an_error_after_authentication_is_mapped_as_well() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / ErrorResponse FATAL 3D000 "database shop_up does not exist"
        << ErrorResponse FATAL 3D000 "database does not exist"
        -- Close "3D000: database shop_up does not exist"
        """,
        before=ALICE,
    )


def test_a_server_that_hangs_up_while_we_log_in_is_08006() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <=
        << ErrorResponse FATAL 08006 "the upstream server closed the connection unexpectedly"
        -- Close "the server closed the connection"
        """,
        before=ALICE,
    )


def test_notices_before_authentication_are_dropped() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= NoticeResponse WARNING 01000 "psst" / AuthenticationOk
        <= NoticeResponse WARNING 01000 "psst" / ReadyForQuery I
        -- SessionReady 0 "" ""
        << AuthenticationOk / BackendKeyData 4711 "key!" / ReadyForQuery I
        """,
        before=ALICE,
    )


def test_only_settings_on_the_list_are_reported() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / ParameterStatus "server_version" "18.0" / ParameterStatus "session_authorization" "app"
        <= ParameterStatus "is_superuser" "off" / ParameterStatus "TimeZone" "UTC" / ReadyForQuery I
        -- SessionReady 0 "" "18.0"
        << AuthenticationOk / ParameterStatus "server_version" "18.0" / ParameterStatus "TimeZone" "UTC"
        << BackendKeyData 4711 "key!" / ReadyForQuery I
        """,
        before=ALICE,
    )


@pytest.mark.parametrize(
    "setting", ['"client_encoding" "SJIS"', '"server_encoding" "LATIN1"', '"standard_conforming_strings" "off"']
)
def test_a_server_that_does_not_keep_a_pinned_setting_is_refused(setting: str) -> None:
    play(
        f"""
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / ParameterStatus {setting}
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close ...
        """,
        before=ALICE,
    )


def test_a_server_that_negotiates_protocol_3_0_away_is_refused() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / NegotiateProtocolVersion 0 "x"
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close "the server does not speak protocol 3.0"
        """,
        before=ALICE,
    )


def test_garbage_from_the_server_ends_the_session() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= Bytes 00000000000000
        << ErrorResponse FATAL 08P01 "invalid message type 0"
        -- Close "invalid message type 0"
        """,
        before=ALICE,
    )


def test_a_row_where_a_login_is_expected_shows_nothing() -> None:
    play(
        """
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / DataRow "123-45-6789" / ReadyForQuery I
        << ErrorResponse FATAL 08P01 "the server sent a message that has no place here"
        -- Close "the server sent a message that has no place here"
        """,
        before=ALICE,
    )


# --- channel binding


def test_the_channel_is_bound_where_the_server_offers_it() -> None:
    play(
        """
        !! connected password encrypted bind
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationSASL "SCRAM-SHA-256-PLUS" "SCRAM-SHA-256"
        => SASLInitialResponse
        <= AuthenticationSASLContinue
        => SASLResponse
        <= AuthenticationSASLFinal / AuthenticationOk / BackendKeyData 9 "real" / ReadyForQuery I
        -- SessionReady 9 "real" ""
        << AuthenticationOk / BackendKeyData 9 "key!" / ReadyForQuery I
        """,
        before=ALICE,
    )


def test_a_server_without_it_is_told_that_we_could() -> None:
    """If it does offer it, and somebody in between took that out, it will not have us."""
    told = Play()
    told.play(ALICE + "!! connected password encrypted")
    told.play('<= AuthenticationSASL "SCRAM-SHA-256"')
    assert told._said["first"].startswith(b"y,,")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            'AuthenticationSASL "SCRAM-SHA-256"',
            "upstream.channel_binding is required, and the server does not offer it",
        ),
        ("AuthenticationCleartextPassword", "upstream.channel_binding is required, and the server asks for no SCRAM"),
        ("AuthenticationOk", "upstream.channel_binding is required, and the server asks for no SCRAM"),
    ],
)
def test_where_it_is_required_there_is_no_other_login(said: str, why: str) -> None:
    play(
        f"""
        !! connected password encrypted bind
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= {said}
        << ErrorResponse FATAL 08006 "cannot log in to the upstream server" ...
        -- Close "{why}"
        """,
        before=ALICE,
    )
