"""The operator's log: one JSON object a line on stderr, or a coloured line on a terminal.

No literal, no parameter, no row: a field is written only when its name is on the list below, text is
cut and stripped of control characters, an exception is its class and its place but never its message
(a server's error quotes values), and of a library's record only the unformatted first line is kept.
What was dropped is named in `dropped`, so that a mistake in a log call shows. `redacted`, the
statement with placeholders, is written at level debug only.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final, Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor

Format: TypeAlias = Literal["json", "console", "logfmt", "auto"]

FIELDS: Final = frozenset(
    """
    ts level event session_id statement_id request_id user database client_addr application_name decision rule
    fingerprint duration_ms trace_id
    logger message error error_at sqlstate host port path file line version policy_version epoch outcome state phase
    channel attempt group person method url_path status signal pid rows cells bytes count seconds limit compiled hint
    listen upstream reason key worker dropped
    """.split()  # noqa: SIM905
)
"""Every field a line may carry. Adding one is a decision: it must not be able to hold SQL or a value. `reason` is
for the program's own words; what stands in single quotes in it is dropped all the same."""

DEBUG_FIELDS: Final = frozenset({"redacted"})
"""Written at level debug only."""

FIELD_CHARACTERS: Final = 256
"""The most characters of one text field."""

_EVENT: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str, limit: int = FIELD_CHARACTERS) -> str:
    """`text` on one line without control or direction characters, at most `limit` characters."""
    text = _CONTROL.sub("\ufffd", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _place(error: BaseException) -> str:
    """Where `error` was raised and through whom, innermost last: `file:line function`, our frames' values not shown."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)


def describe_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Turns exc_info into the class and the place; the message stays out, since it may quote a value."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["error_at"] = _place(error)
        sqlstate = getattr(error, "sqlstate", None)
        if isinstance(sqlstate, str):
            event["sqlstate"] = sqlstate
    return event


def keep_listed_fields(_logger: object, method: str, event: EventDict) -> EventDict:
    """Drops every field whose name is not listed, and makes what stays a short scalar."""
    allowed = FIELDS | DEBUG_FIELDS if event.get("level", method) == "debug" else FIELDS
    dropped = sorted(str(key) for key in event if key not in allowed and not str(key).startswith("_"))
    name = event.get("event")
    if not (isinstance(name, str) and _EVENT.fullmatch(name)):
        dropped.append("event")
        event["event"] = "unnamed_event"
    kept: EventDict = {}
    for key, value in event.items():
        if key in allowed:
            kept[key] = _scalar(_LITERAL.sub("'?'", value) if key == "reason" and isinstance(value, str) else value)
        elif key in {"_record", "_from_structlog"}:
            kept[key] = value
    if dropped:
        kept["dropped"] = printable(" ".join(dropped))
    return kept


def _scalar(value: object) -> str | int | float | bool | None:
    """A number, a boolean, None, or short text; of anything else only its type, since its repr may hold a value."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return printable(str(value))
        case _:
            return f"<{type(value).__name__}>"


def _library_record(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A library's record: its unformatted text, first line only, under one event name."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        event["message"] = template.split("\n", 1)[0][:120]
        event["event"] = "library_message"
        event["logger"] = record.name
        event["level"] = record.levelname.lower()
        if record.exc_info:
            event["exc_info"] = record.exc_info
    return event


def _order(_logger: object, _method: str, event: EventDict) -> Mapping[str, Any]:
    first = {key: event[key] for key in ("ts", "level", "event") if key in event}
    return first | {key: value for key, value in event.items() if key not in first}


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """The standard library would append the traceback, with its message and source lines, to every line."""

    def formatException(self, ei: object) -> str:  # noqa: N802
        return ""

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return ""


def _renderer(style: Format, stream: TextIO) -> Processor:
    if style == "auto":
        style = "console" if stream.isatty() else "json"
    if style == "console":
        return structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="ts", sort_keys=False)
    if style == "logfmt":
        return structlog.processors.LogfmtRenderer(key_order=["ts", "level", "event"], bool_as_flag=False)
    return structlog.processors.JSONRenderer()


def _timestamp(_logger: object, _method: str, event: EventDict) -> EventDict:
    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts")(_logger, _method, event)
    text = str(stamped["ts"])
    stamped["ts"] = text[:23] + "Z"  # RFC 3339 with milliseconds
    return stamped


def configure(
    style: Format = "auto", level: str = "info", stream: TextIO | None = None
) -> structlog.stdlib.BoundLogger:
    """Sends every log line of the process to `stream` (stderr) as `style`, from `level` on; returns the root logger.

    Libraries log from `warning` on whatever `level` is. Called once by the composition root; a second
    call replaces the first. ValueError for a level or style that does not exist.
    """
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None or style not in {"json", "console", "logfmt", "auto"}:
        raise ValueError(f"no such log level or format: {level!r}, {style!r}")
    stream = sys.stderr if stream is None else stream
    shared: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level]
    ours: list[Processor] = [*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[_library_record],
            processors=[
                _timestamp,
                describe_exception,
                keep_listed_fields,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _order,
                _renderer(style, stream),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    program = logging.getLogger("pgmaskproxy")
    program.setLevel(threshold)
    logging.captureWarnings(True)
    structlog.configure(
        processors=ours,
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return get_logger()


def get_logger(name: str = "", **fields: str | int) -> structlog.stdlib.BoundLogger:
    """A logger named `pgmaskproxy[.name]` with `fields` bound; call it as `log.info("snake_case_event", field=...)`."""
    full = f"pgmaskproxy.{name}" if name else "pgmaskproxy"
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(full)
    return logger.bind(**fields) if fields else logger
