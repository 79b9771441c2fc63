"""A field of COPY's text format (manual, "COPY", "Text Format"), as a server writes it.

The server writes control characters, the delimiter and the backslash as an escape, and nothing else:
never octal or hexadecimal digits. Anything else is refused, because whoever reads it further down
might see another row in it than we do.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.errors import PeerError

NULL_FIELD: Final = b"\\N"

_ESCAPED: Final = ((b"\b", b"\\b"), (b"\f", b"\\f"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"), (b"\v", b"\\v"))
_BACKSLASH: Final = b"\\"
_LETTERS: Final = frozenset(b"bfnrtv")


def encode(value: bytes | None) -> bytes:
    r"""The field for `value`, UTF-8 text; `\N` for NULL. Neither tab nor newline is left in it."""
    if value is None:
        return NULL_FIELD
    field = value.replace(_BACKSLASH, b"\\\\")
    for character, escape in _ESCAPED:
        field = field.replace(character, escape)
    return field


def check(field: bytes) -> None:
    r"""PeerError unless every backslash in `field` begins an escape that a server writes, or it is `\N`.

    `\.` is none: a row that begins with it would end the data.
    """
    if field == NULL_FIELD:
        return
    at = field.find(_BACKSLASH)
    while at >= 0:
        if at + 1 >= len(field):
            raise PeerError("a field of COPY data ends in a backslash")
        if field[at + 1] != 0x5C and field[at + 1] not in _LETTERS:
            raise PeerError("a field of COPY data has an escape that no server writes")
        at = field.find(_BACKSLASH, at + 2)


def decode(field: bytes) -> bytes | None:
    r"""The value of `field`, None for `\N`. PeerError as `check`."""
    if field == NULL_FIELD:
        return None
    if field.find(_BACKSLASH) < 0:
        return field
    check(field)
    parts = field.split(b"\\\\")
    for index, part in enumerate(parts):
        for character, escape in _ESCAPED:
            if part.find(_BACKSLASH) < 0:
                break
            part = part.replace(escape, character)  # noqa: PLW2901
        parts[index] = part
    return _BACKSLASH.join(parts)
