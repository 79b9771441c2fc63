"""What the server answers, and what of it the client may see."""

from __future__ import annotations

import pytest

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.link import Limits
from pgmaskproxy.wire.backend import CommandComplete, DataRow
from tests.session.transcript import LOGIN, READY, Play, play

RUNNING = """
    >> Query "SELECT name, ssn FROM customers"
    !! read masks=-,ssn
    <= ParseComplete / BindComplete / RowDescription name=1.2 ssn=1.3
    !! recorded
"""
CLEAR = """
    >> Query "SELECT name FROM customers"
    !! read masks=-
    <= ParseComplete / BindComplete / RowDescription name=1.2
    !! recorded
"""
ESTABLISHED = LOGIN + READY


def test_a_row_that_nothing_has_decided_about_ends_the_session_and_raises_an_alarm() -> None:
    play(
        """
        >> Parse "" "INSERT 1" / Bind "" "" / Execute "" / Sync
        ?? Judge "INSERT 1"
        !! write
        => Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789"
        << ErrorResponse FATAL XX000 "a result was withheld: nothing has decided about it"
        => Terminate
        -- Close "a row arrived before its plan was bound" alarm
        """
    )


def test_a_row_out_of_the_blue_ends_the_session() -> None:
    play(
        """
        <= DataRow "out of the blue"
        << ErrorResponse FATAL XX000 "a result was withheld: nothing has decided about it"
        => Terminate
        -- Close "a row arrived that belongs to no statement" alarm
        """
    )


def test_a_row_before_its_execute_ends_the_session() -> None:
    play(
        """
        >> Query "SELECT name, ssn FROM customers"
        ?? Judge several "SELECT name, ssn FROM customers"
        !! read masks=-,ssn
        => Parse "" "SELECT name, ssn FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / DataRow "Ann" "123-45-6789"
        << ErrorResponse FATAL XX000 "a result was withheld: nothing has decided about it"
        => Terminate
        -- Close "a row arrived that belongs to no statement" alarm
        """
    )


def test_copy_data_without_a_plan_ends_the_session() -> None:
    play(
        r"""
        <= CopyData "Ann\t123-45-6789\n"
        << ErrorResponse FATAL XX000 "a result was withheld: nothing has decided about it"
        => Terminate
        -- Close "COPY data arrived without a plan" alarm
        """,
        before=ESTABLISHED + RUNNING,
    )


def test_copy_out_without_a_plan_ends_the_session() -> None:
    play(
        """
        <= CopyOutResponse 2
        << ErrorResponse FATAL XX000 "a result was withheld: nothing has decided about it"
        => Terminate
        -- Close "COPY data was announced without a plan" alarm
        """,
        before=ESTABLISHED + RUNNING,
    )


def test_copy_done_without_a_plan_ends_the_session() -> None:
    play(
        """
        <= CopyDone
        << ErrorResponse FATAL XX000 "a result was withheld: nothing has decided about it"
        => Terminate
        -- Close "COPY data ended without a plan" alarm
        """,
        before=ESTABLISHED + RUNNING,
    )


def test_copy_in_that_no_statement_has_ends_the_session() -> None:
    play(
        """
        <= CopyInResponse 2
        << ErrorResponse FATAL 08P01 "the server asks for COPY data that no statement has"
        => Terminate
        -- Close "the server asks for COPY data that no statement has"
        """,
        before=ESTABLISHED + RUNNING,
    )


def test_a_row_of_another_width_than_was_described_ends_the_session() -> None:
    play(
        """
        <= DataRow "Ann" "123-45-6789" "more"
        << ErrorResponse FATAL 08P01 "a row has another number of columns than its description"
        => Terminate
        -- Close "a row has another number of columns than its description"
        """,
        before=ESTABLISHED + RUNNING,
    )


@pytest.mark.parametrize(
    "message",
    ["CopyBothResponse 1", 'FunctionCallResponse "123-45-6789"', 'AuthenticationSASL "x"', "Bytes 2a00000004"],
)
def test_a_message_that_is_not_on_the_list_ends_the_session(message: str) -> None:
    play(
        f"""
        <= {message}
        << ErrorResponse FATAL 08P01 ...
        => Terminate
        -- Close ...
        """,
        before=ESTABLISHED + RUNNING,
    )


@pytest.mark.parametrize(
    "message",
    [
        "ParseComplete",
        "BindComplete",
        "CloseComplete",
        "NoData",
        "RowDescription a=0",
        "ParameterDescription 23",
        "ReadyForQuery I",
        "CopyDone",
        'CommandComplete "SELECT 1"',
        'ErrorResponse 22012 "division by zero"',
    ],
)
def test_an_answer_that_nobody_asked_for_ends_the_session(message: str) -> None:
    play(
        f"""
        <= {message}
        << ErrorResponse FATAL 08P01 ...
        => Terminate
        -- Close ...
        """
    )


def test_notifications_that_nobody_may_listen_to_are_dropped() -> None:
    """THREATS M30: the payload can be a value."""
    play(
        """
        <= NotificationResponse "channel" "123-45-6789"
        """
    )


def test_notifications_come_on_the_channels_that_a_statement_was_let_listen_to() -> None:
    play(
        """
        >> Query "LISTEN orders"
        ?? Judge several "LISTEN orders"
        !! listen=orders
        => Parse "" "LISTEN orders" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "LISTEN orders" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= NotificationResponse "orders" "123-45-6789"
        <= CommandComplete "LISTEN" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "LISTEN" rows=0 cells=0 size=0
        << CommandComplete "LISTEN" / ReadyForQuery I
        <= NotificationResponse "orders" "17" / NotificationResponse "other" "123-45-6789"
        << NotificationResponse "orders" "17"
        """
    )


def test_only_settings_on_the_list_are_told() -> None:
    """THREATS M21."""
    play(
        """
        <= ParameterStatus "TimeZone" "UTC" / ParameterStatus "session_authorization" "123-45-6789"
        << ParameterStatus "TimeZone" "UTC"
        """
    )


@pytest.mark.parametrize("setting", ['"client_encoding" "SJIS"', '"standard_conforming_strings" "off"'])
def test_a_pinned_setting_that_drifts_ends_the_session(setting: str) -> None:
    play(
        f"""
        <= ParameterStatus {setting}
        << ErrorResponse FATAL 08P01 ...
        => Terminate
        -- Close ...
        """
    )


def test_trees_are_dropped_whatever_the_client_wants_to_hear() -> None:
    play(
        """
        >> Query "SET client_min_messages = debug5"
        ?? Judge several "SET client_min_messages = debug5"
        !! set=client_min_messages:debug5
        => Parse "" "SET pgmaskproxy.client_min_messages = 'debug5'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET client_min_messages = debug5" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        >> Parse "" "SELECT name FROM customers" / Bind "" "" / Execute "" / Sync
        ?? Judge "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Bind "" "" / Describe P "" / Flush
        <= Tree / ParseComplete / Tree W / Tree / BindComplete / RowDescription name=1.2
        << ParseComplete / BindComplete
        ?? RecordExecution #2 "SELECT name FROM customers" shows -
        !! recorded
        => Execute "" / Sync
        # forged: RAISE LOG has other F and R
        <= NoticeResponse LOG 00000 "rewritten parse tree:" D="({QUERY})" F="pl_exec.c" R="exec_stmt_raise"
        <= NoticeResponse LOG 00000 "duration: 1 ms"
        <= NoticeResponse NOTICE 00000 "hello" / DataRow "Ann" / CommandComplete "SELECT 1" / ReadyForQuery I
        << NoticeResponse 00000 "hello" / DataRow "Ann"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=0 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """
    )


def test_a_log_message_where_nothing_is_owed_is_dropped() -> None:
    play(
        """
        <= Tree / NoticeResponse LOG 00000 "x" / NoticeResponse WARNING 01000 "123-45-6789"
        """
    )


def test_notices_go_by_the_clients_own_client_min_messages() -> None:
    play(
        """
        >> Query "SET client_min_messages = warning"
        ?? Judge several "SET client_min_messages = warning"
        !! set=client_min_messages:warning
        => Parse "" "SET pgmaskproxy.client_min_messages = 'warning'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET client_min_messages = warning" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        >> Query "CALL p()"
        ?? Judge several "CALL p()"
        !! call
        => Parse "" "CALL p()" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "CALL p()" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Close P "" / Close S "" / Sync
        <= NoticeResponse 00000 "no" / NoticeResponse WARNING 01000 "yes" / NoticeResponse INFO 00000 "always"
        << NoticeResponse WARNING 01000 "yes" / NoticeResponse INFO 00000 "always"
        <= CommandComplete "CALL" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #2 "CALL" rows=0 cells=0 size=0
        -- DefinitionsChanged
        << CommandComplete "CALL" / ReadyForQuery I
        # RESET ALL brings the default back
        >> Query "RESET ALL"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        !! set=all
        <= Path "pg_catalog" "public" / ReadyForQuery I
        ?? Judge several "RESET ALL"
        """
    )


def test_notices_of_a_statement_over_labelled_columns_are_dropped() -> None:
    play(
        """
        >> Query "CALL p()"
        ?? Judge several "CALL p()"
        !! call scrub
        => Parse "" "CALL p()" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "CALL p()" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Close P "" / Close S "" / Sync
        <= NoticeResponse WARNING 01000 "123-45-6789" / CommandComplete "CALL" / CloseComplete / CloseComplete
        -- RecordOutcome #1 "CALL" rows=0 cells=0 size=0
        <= ReadyForQuery I
        -- DefinitionsChanged
        << CommandComplete "CALL" / ReadyForQuery I
        """
    )


def test_an_error_at_execute_over_labelled_columns_is_rebuilt() -> None:
    play(
        """
        >> Query "UPDATE customers SET name = NULL"
        ?? Judge several "UPDATE customers SET name = NULL"
        !! write scrub
        => Parse "" "UPDATE customers SET name = NULL" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "UPDATE customers SET name = NULL" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= ErrorResponse 23502 "null value" D="Failing row contains (1, 123-45-6789)." t="customers"
        -- RecordOutcome #1 "" 23502 rows=0 cells=0 size=0
        << ErrorResponse 23502 "not null violation" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_error_at_parse_is_the_statements_own_text() -> None:
    play(
        """
        >> Parse "" "SELECT nmae FROM customers" / Sync
        ?? Judge "SELECT nmae FROM customers"
        !! read masks=- scrub
        => Parse "" "SELECT nmae FROM customers" / Sync
        <= Tree / ErrorResponse 42703 "column nmae does not exist" H="Perhaps you meant customers.name." P="8"
        << ErrorResponse 42703 "column nmae does not exist" H="Perhaps you meant customers.name." P="8"
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_error_at_parse_is_rebuilt_when_a_function_ran_there() -> None:
    play(
        """
        >> Parse "" "SELECT f() FROM customers" / Sync
        ?? Judge "SELECT f() FROM customers"
        !! read masks=- scrub
        => Parse "" "SELECT f() FROM customers" / Sync
        <= Tree W / ErrorResponse 22P02 "invalid input syntax: 123-45-6789"
        << ErrorResponse 22P02 "invalid text representation" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_fatal_error_is_rebuilt_and_the_end() -> None:
    play(
        """
        <= ErrorResponse FATAL 57P01 "terminating connection: 123-45-6789"
        << ErrorResponse FATAL 57P01 "admin shutdown" ...
        <=
        => Terminate
        -- Close "the server ended the session"
        """
    )


def test_an_error_after_rows_comes_after_rows() -> None:
    play(
        """
        <= DataRow "Ann" "123-45-6789" / ErrorResponse 22012 "division by zero" / ReadyForQuery I
        << DataRow "Ann" "***"
        -- RecordOutcome #1 "" 22012 rows=1 cells=1 size=21
        << ErrorResponse 22012 "division by zero" / ReadyForQuery I
        """,
        before=ESTABLISHED + RUNNING,
    )


def test_a_row_to_be_masked_may_be_only_so_large() -> None:
    play(
        """
        <= DataRow "Ann" "123-45-6789"
        << ErrorResponse FATAL 08P01 "a row to be masked is too large"
        => Terminate
        -- Close "a row to be masked is too large"
        """,
        before=ESTABLISHED + RUNNING,
        limits=Limits(row_bytes=20),
    )


def test_a_masked_row_in_pieces_is_shown_when_it_is_whole() -> None:
    told = Play()
    told.play(ESTABLISHED + RUNNING)
    row = DataRow((b"Ann", b"123-45-6789")).encode()
    assert [told.session.receive(ev.ServerData(row[at : at + 1])) for at in range(len(row) - 1)] == [[]] * (
        len(row) - 1
    )
    assert told.lines([ev.ServerData(row[-1:])]) == ['<< DataRow "Ann" "***"']


def test_a_clear_row_larger_than_any_limit_is_passed_on_as_it_comes() -> None:
    told = Play(Limits(row_bytes=20))
    told.play(ESTABLISHED + CLEAR)
    row = DataRow((b"x" * 1000,)).encode()
    (first,) = told.session.receive(ev.ServerData(row[:500]))
    assert first == ev.SendClient(row[:500])
    (second,) = told.session.receive(ev.ServerData(row[500:]))
    assert second == ev.SendClient(row[500:])
    done = told.session.receive(ev.ServerData(CommandComplete(b"SELECT 1").encode()))
    assert [(c.rows, c.size) for c in done if isinstance(c, ev.RecordOutcome)] == [(1, len(row))]


def test_a_clear_row_that_begins_wrong_is_not_begun() -> None:
    told = Play()
    told.play(ESTABLISHED + CLEAR)
    row = DataRow((b"Ann", b"123-45-6789")).encode()
    commands = told.session.receive(ev.ServerData(row[:-1]))
    assert not any(isinstance(c, ev.SendClient) and b"Ann" in c.data for c in commands)
    assert isinstance(commands[-1], ev.Close)


def test_nothing_is_said_in_the_middle_of_a_row() -> None:
    told = Play()
    told.play(ESTABLISHED + CLEAR)
    told.session.receive(ev.ServerData(DataRow((b"x" * 100,)).encode()[:50]))
    assert told.play('!! shutdown 57P01 "drain"') == [
        ('!! shutdown 57P01 "drain"', ["=> Terminate", '-- Close "drain"'])
    ]


def test_a_search_path_that_is_not_json_is_not_believed() -> None:
    for value in ("not json", "17", "null"):
        told = Play()
        told.play(LOGIN)
        told.play('>> Query "SELECT 1"')
        rows = f'<= ParseComplete / BindComplete / DataRow "{value}" / CommandComplete "SELECT 1"'
        told.play(rows + " / CloseComplete / CloseComplete / ReadyForQuery I")
        assert told.session.receive(ev.ClientData(b"")) == [], "it is over"
