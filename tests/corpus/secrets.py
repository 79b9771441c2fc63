"""Every labelled value of a database, and every form of one that gives it away in bytes.

Raw, in the binary format, in other cases, digits alone, reversed, in hexadecimal and base64 (at each alignment), quoted
for URLs and XML, spelled with something between the characters, and by the usual hashes: all are easy to undo.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import struct
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, final
from xml.sax.saxutils import escape

_EPOCH: Final = dt.date(2000, 1, 1)
_HASHES: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_BETWEEN: Final = (b" ", b",", b", ", b"\n", b'","', b'", "')
_SHORTEST: Final = 8
"""Shorter forms would be found by accident."""


@final
class Secrets:
    """What `found` looks for. Built once; a search is one pass over what was received."""

    def __init__(self, values: Mapping[str, Sequence[str | dt.date | None]]) -> None:
        self.forms: dict[bytes, tuple[str, str]] = {}
        """Form -> (where the value is from, which form it is)."""
        self.raw: frozenset[str] = frozenset(str(value) for some in values.values() for value in some if value)
        for place, some in values.items():
            for value in some:
                for kind, form in _forms(value) if value is not None else ():
                    self.forms.setdefault(form, (place, kind))
        # One search per length and position would be slow in Python: index by the first bytes.
        self._by_start: dict[bytes, list[bytes]] = {}
        for form in self.forms:
            self._by_start.setdefault(form[:_SHORTEST], []).append(form)

    def found(self, data: bytes, own: str = "") -> list[str]:
        """What is in `data`, as `customers.ssn as hex`, but for what the client itself said: `own`."""
        known = own.encode()
        result = []
        starts = self._by_start
        for position in range(len(data) - _SHORTEST + 1):
            for form in starts.get(data[position : position + _SHORTEST], ()):
                if data.startswith(form, position) and form not in known:
                    place, kind = self.forms[form]
                    result.append(f"{place} as {kind}")
        return sorted(set(result))


def _forms(value: str | dt.date) -> Iterator[tuple[str, bytes]]:
    for kind, form in _all_forms(value):
        if len(form) >= _SHORTEST:
            yield kind, form


def _all_forms(value: str | dt.date) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, dt.date):
        days = (value - _EPOCH).days
        yield "binary", struct.pack("!ii", 4, days)
        yield "raw", value.isoformat().encode()
        yield "digits", value.strftime("%Y%m%d").encode()
        yield "raw", value.strftime("%m/%d/%Y").encode()
        yield "raw", value.strftime("%d.%m.%Y").encode()
        return
    text = value.encode()
    yield "raw", text
    yield "upper case", text.upper()
    yield "initial capitals", value.title().encode()
    yield "reversed", text[::-1]
    yield "digits", bytes(byte for byte in text if byte in b"0123456789")
    yield "hex", text.hex().encode()
    yield "hex", text.hex().upper().encode()
    yield "URL-quoted", urllib.parse.quote(value, safe="").encode()
    yield "XML-quoted", escape(value).encode()
    for between in _BETWEEN:
        yield "characters", between.join(text[i : i + 1] for i in range(len(text)))
    for shift in range(3):
        # The core of a base64 text that does not depend on what stands before and after the value.
        encoded = base64.b64encode(b"\0" * shift + text)
        yield "base64", encoded[(0, 2, 3)[shift] : len(encoded) - (4 if encoded.endswith(b"=") else 0)]
    for name in _HASHES:
        digest = hashlib.new(name, text, usedforsecurity=False)
        yield name, digest.digest()
        yield name, digest.hexdigest().encode()
