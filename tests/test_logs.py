"""The log: its fields, its formats, and that nothing which holds SQL or a value can be written."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy import logs
from pgmaskproxy.errors import Unparsable

SECRET = "123-45-6789"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def fail(error: Exception) -> None:
    raise error


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_event_first() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream).info(
        "session_opened", session_id="ses_1", user="sales-agent", duration_ms=1.5
    )
    (line,) = lines(stream)
    assert list(line)[:3] == ["ts", "level", "event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["ts"]))
    assert (line["level"], line["event"], line["user"], line["duration_ms"]) == (
        "info",
        "session_opened",
        "sales-agent",
        1.5,
    )
    assert "dropped" not in line


@pytest.mark.parametrize("style", ["json", "console", "logfmt"])
@pytest.mark.parametrize(
    "name", ["sql", "params", "parameters", "query", "statement", "values", "row", "password", "token", "detail"]
)
def test_no_field_can_carry_sql_or_values(name: str, style: logs.Format) -> None:
    stream = io.StringIO()
    logs.configure(style, "debug", stream).warning("statement_refused", **{name: f"SELECT '{SECRET}'"})
    assert SECRET not in stream.getvalue()
    assert "SELECT" not in stream.getvalue()
    assert name in stream.getvalue(), "what was dropped is named"


@pytest.mark.parametrize("text", [f"near '{SECRET}'", f"near '{SECRET}", f"near 'it''s {SECRET}' or"])
def test_a_reason_is_the_programs_own_words(text: str) -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream).error("catalog_unreadable", reason=text, listen="127.0.0.1:6432")
    (line,) = lines(stream)
    assert str(line["reason"]).startswith("near '?'")
    assert SECRET not in stream.getvalue()
    assert line["listen"] == "127.0.0.1:6432"


def test_redacted_sql_is_written_at_debug_only() -> None:
    stream = io.StringIO()
    log = logs.configure("json", "debug", stream)
    log.debug("statement_read", redacted="SELECT ?")
    log.info("statement_read", redacted="SELECT ?")
    first, second = lines(stream)
    assert first["redacted"] == "SELECT ?"
    assert "redacted" not in second
    assert second["dropped"] == "redacted"


def test_a_container_in_a_listed_field_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream).info("x", user=[SECRET], message={"a": SECRET}, rows=(SECRET,))
    assert SECRET not in stream.getvalue()


def test_an_event_that_is_a_sentence_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream).info(f"refused SELECT '{SECRET}'")
    (line,) = lines(stream)
    assert line["event"] == "unnamed_event"
    assert line["dropped"] == "event"
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("style", ["json", "console", "logfmt"])
def test_an_exception_shows_class_and_place_and_never_its_message(style: logs.Format) -> None:
    stream = io.StringIO()
    log = logs.configure(style, "info", stream)
    try:
        fail(Unparsable(f'syntax error at or near "{SECRET}"'))
    except Unparsable:
        log.exception("statement_unparsable")
    text = stream.getvalue()
    assert SECRET not in text
    assert "Unparsable" in text
    assert "test_logs.py" in text
    assert "42601" in text


def test_a_librarys_record_is_its_template() -> None:
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    library = logging.getLogger("somelibrary")
    library.info("below the libraries' level")
    library.warning("query failed: %s", SECRET)
    try:
        fail(ValueError(SECRET))
    except ValueError:
        library.exception("gave up on %s", SECRET)
    first, second = lines(stream)
    assert (first["event"], first["logger"], first["message"]) == ("library_message", "somelibrary", "query failed: %s")
    assert (second["level"], second["error"]) == ("error", "ValueError")
    assert SECRET not in stream.getvalue()


def test_control_characters_cannot_forge_a_line_or_drive_a_terminal() -> None:
    stream = io.StringIO()
    logs.configure("console", "info", stream).info("session_opened", application_name="a\n2030 forged\x1b[2J\u202eb")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_level_and_second_configure() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("json", "warning", first).info("not_written")
    assert first.getvalue() == ""
    logs.configure("json", "info", second).info("written")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_auto_is_json_where_stderr_is_no_terminal_and_console_where_it_is() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    plain, terminal = io.StringIO(), Terminal()
    logs.configure("auto", "info", plain).info("started")
    json.loads(plain.getvalue())
    logs.configure("auto", "info", terminal).info("started")
    assert "\x1b[" in terminal.getvalue()
    assert "started" in terminal.getvalue()


def test_the_default_stream_is_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info").info("started")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "started"


@pytest.mark.parametrize(("style", "level"), [("json", "loud"), ("xml", "info")])
def test_a_wrong_level_or_format_is_an_error(style: logs.Format, level: str) -> None:
    with pytest.raises(ValueError, match="no such log"):
        logs.configure(style, level)


def test_bound_fields_stay() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logs.get_logger("proxy", session_id="ses_9").info("login_failed", method="scram-sha-256")
    assert lines(stream)[0]["session_id"] == "ses_9"


@given(st.text(max_size=2000))
def test_printable_is_one_short_line(text: str) -> None:
    shown = logs.printable(text)
    assert len(shown) <= logs.FIELD_CHARACTERS
    assert len(shown.splitlines()) <= 1
    assert not any(character < " " for character in shown)


def test_exc_info_true_outside_a_handler_is_harmless() -> None:
    assert sys.exc_info() == (None, None, None)
    assert logs.describe_exception(None, "info", {"exc_info": True}) == {}
