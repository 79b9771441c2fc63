"""JSON in canonical form (RFC 8785), for what a record may have: no floats, integers that every reader keeps.

Two records are made for every statement, so this is ours and compiled; whoever reads a chain checks it by a library
(`chain.decode`), and tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Final

LARGEST: Final = (1 << 53) - 1
"""The greatest integer that a reader whose numbers are doubles keeps (RFC 8785, section 3.2.2.3)."""
DEEPEST: Final = 64


class Unrecordable(ValueError):
    """An event that has no canonical form: a number beyond 2**53, a float, text that is not Unicode."""


def canonical(value: object) -> bytes:
    """`value` in its one spelling, as UTF-8. Raises Unrecordable."""
    parts: list[str] = []
    _write(value, parts, 0)
    return encoded("".join(parts))


def encoded(spelled: str) -> bytes:
    """What is spelled, as UTF-8. Raises Unrecordable."""
    try:
        return spelled.encode()
    except UnicodeEncodeError as error:
        raise Unrecordable("text that is not Unicode") from error


def quoted(text: str) -> str:
    """A string in its one spelling."""
    return encode_basestring(text)


def whole(number: int) -> str:
    """A number in its one spelling. Raises Unrecordable."""
    if not -LARGEST <= number <= LARGEST:
        raise Unrecordable("a number that not every reader of JSON keeps")
    return str(number)


def _write(value: object, parts: list[str], depth: int) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        parts.append(whole(value))
    elif depth == DEEPEST:
        raise Unrecordable("nested too deeply")
    elif isinstance(value, dict):
        _object(value, parts, depth + 1)
    elif isinstance(value, list | tuple):
        _array(value, parts, depth + 1)
    elif isinstance(value, Mapping):
        _object(value, parts, depth + 1)
    else:
        raise Unrecordable(f"a record has no {type(value).__name__}s, and its numbers are whole")


def _array(value: list[object] | tuple[object, ...], parts: list[str], depth: int) -> None:
    separator = "["
    for each in value:
        parts.append(separator)
        _write(each, parts, depth)
        separator = ","
    parts.append("]" if separator == "," else "[]")


def _object(value: Mapping[object, object], parts: list[str], depth: int) -> None:
    names: list[str] = []
    plain = True
    for name in value:
        if not isinstance(name, str):
            raise Unrecordable("a member's name is text")
        names.append(name)
        plain = plain and name.isascii()
    if plain:
        names.sort()
    else:
        names.sort(key=_by_utf16)  # RFC 8785, section 3.2.3
    separator = "{"
    for name in names:
        parts.append(separator)
        parts.append(encode_basestring(name))
        parts.append(":")
        _write(value[name], parts, depth)
        separator = ","
    parts.append("}" if separator == "," else "{}")


def _by_utf16(name: str) -> bytes:
    return name.encode("utf-16-be", errors="surrogatepass")
