"""The options of COPY: in which layout rows flow out, and which of the options cannot be carried.

The defaults and what the server refuses are those of ProcessCopyOptions, src/backend/commands/copy.c (15 to 18). What
is refused here and not there could make two readers see different rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgmaskproxy.model import CopyLayout
from pgmaskproxy.sql.tree import Node, items, string, text, unwrap

_UTF8: Final = frozenset({"utf8", "unicode"})
_TRUE: Final = frozenset({"true", "on", "1"})
_FALSE: Final = frozenset({"false", "off", "0"})
_OUT: Final = frozenset(
    {"format", "delimiter", "null", "header", "quote", "escape", "force_quote", "encoding", "log_verbosity"}
)
_IN: Final = _OUT | {"freeze", "default", "force_not_null", "force_null", "on_error", "reject_limit"}
_NO_DELIMITER: Final = frozenset("\\.abcdefghijklmnopqrstuvwxyz0123456789")
"""In text format: escapes begin with them."""
_PLAIN_NULL: Final = "\\N"
_CONTROLS: Final = frozenset(map(chr, (*range(32), 127)))


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """`layout` is that of the rows, and means nothing where `unsupported` says which option stands in the way."""

    layout: CopyLayout
    unsupported: str = ""


def copy_options(value: object, *, to_client: bool) -> CopyOptions:
    """Read COPY's list of options, old syntax or new."""
    options: dict[str, Node] = {}
    for node in items(value):
        _, option = unwrap(node)
        name = text(option.get("defname"))
        if name in options:
            return _without(f"{name.upper()} twice")
        if name not in (_OUT if to_client else _IN):
            return _without(f"option {name}")
        options[name] = option
    encoding = options.get("encoding")
    if encoding is not None and not _is_utf8(string(encoding.get("arg"))):
        return _without("an ENCODING other than UTF8")
    if not to_client:
        # Nobody but the server has to read it, unless a column is masked.
        own = {name: option for name, option in options.items() if name in _OUT - {"force_quote"}}
        if "header" in own and _is_match(own["header"]):
            del own["header"]  # its names are looked at as if they were values
        read = _read(own)
        return CopyOptions(read.layout if not read.unsupported else CopyLayout(""))
    return _read(options)


def _read(options: Mapping[str, Node]) -> CopyOptions:
    form = string(options["format"].get("arg")) if "format" in options else "text"
    if form == "binary":
        extra = sorted(options.keys() - {"format", "encoding", "log_verbosity"})
        return _without(f"{extra[0].upper()} in binary format") if extra else CopyOptions(CopyLayout("binary"))
    if form not in {"text", "csv"}:
        return _without("a FORMAT other than text, csv and binary")
    return _of_rows(form, options)


def _of_rows(form: str, options: Mapping[str, Node]) -> CopyOptions:
    found: dict[str, str] = {}
    defaults = {"delimiter": ",", "null": "", "quote": '"'} if form == "csv" else {"delimiter": "\t", "null": "\\N"}
    for name, default in defaults.items():
        given = string(options[name].get("arg")) if name in options else default
        if given is None:
            return _without(f"{name.upper()} that is no string")
        found[name] = given
    header = _boolean(options["header"]) if "header" in options else False
    if header is None:
        return _without("HEADER that is neither true nor false")
    layout = CopyLayout(form, found["delimiter"], found["null"], header)
    if form == "csv":
        # ESCAPE is QUOTE where it is not given.
        escape = string(options["escape"].get("arg")) if "escape" in options else found["quote"]
        forced = _columns(options["force_quote"].get("arg")) if "force_quote" in options else frozenset[str]()
        layout = CopyLayout(form, found["delimiter"], found["null"], header, found["quote"], escape or "", forced)
    elif options.keys() & {"quote", "escape", "force_quote"}:
        return _without("QUOTE, ESCAPE or FORCE_QUOTE in text format")
    wrong = next((words for words, is_wrong in _WRONG.items() if is_wrong(layout)), "")
    return _without(wrong) if wrong else CopyOptions(layout)


def _without(unsupported: str) -> CopyOptions:
    return CopyOptions(CopyLayout(), unsupported)


def _is_character(given: str) -> bool:
    """One byte of UTF-8 that ends no line."""
    return len(given) == 1 and given.isascii() and given not in "\r\n\0"


def _is_utf8(given: str | None) -> bool:
    """Whether the server takes it for UTF8: it looks at letters and digits alone (clean_encoding_name)."""
    return "".join(letter for letter in given or "" if letter.isascii() and letter.isalnum()).lower() in _UTF8


def _boolean(option: Node) -> bool | None:
    if "arg" not in option:
        return True
    kind, fields = unwrap(option["arg"])
    if kind == "Boolean":
        return bool(fields.get("boolval", False))
    given = str(fields.get("ival", 0)) if kind == "Integer" else text(fields.get("sval")).lower()
    return True if given in _TRUE else False if given in _FALSE else None


def _is_match(option: Node) -> bool:
    """HEADER MATCH, of COPY FROM alone."""
    return "arg" in option and (string(option["arg"]) or "").lower() == "match"


def _columns(argument: object) -> frozenset[str] | None:
    """The columns of FORCE_QUOTE; None for all of them."""
    kind, fields = unwrap(argument)
    if kind == "A_Star":
        return None
    return frozenset(name for name in (string(node) for node in items(fields.get("items"))) if name is not None)


_WRONG: Final[Mapping[str, Callable[[CopyLayout], bool]]] = MappingProxyType(
    {
        "DELIMITER that is not one byte": lambda found: not _is_character(found.delimiter),
        "DELIMITER that is a lower-case letter, a digit, a dot or a backslash": lambda found: (
            found.format == "text" and found.delimiter in _NO_DELIMITER
        ),
        "NULL with the delimiter in it": lambda found: found.delimiter in found.null,
        "NULL with a line's end in it": lambda found: bool(set(found.null) & {"\r", "\n"}),
        # Any other could look like the beginning of a value with an escape.
        "NULL with a backslash or a control character in it": lambda found: (
            found.format == "text" and found.null != _PLAIN_NULL and bool(set(found.null) & {"\\", *_CONTROLS})
        ),
        "QUOTE that is not one byte": lambda found: not _is_character(found.quote),
        "ESCAPE that is not one byte": lambda found: not _is_character(found.escape),
        "QUOTE that is the delimiter": lambda found: found.format == "csv" and found.quote == found.delimiter,
        "NULL with the quote in it": lambda found: found.format == "csv" and found.quote in found.null,
    }
)
