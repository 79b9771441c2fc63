"""`email`: the first letter of an address and its domain."""

from __future__ import annotations

import re
from typing import Final, final

from librt.strings import BytesWriter
from mypy_extensions import i64

from pgmaskproxy.mask.frames import INTERPRETED, copy
from pgmaskproxy.mask.masker import REDACTED, Kind, is_plain

_DOMAIN: Final = re.compile("[a-zA-Z0-9.-]+")
_MAX_DOMAIN: Final = 253
_AT: Final = 0x40
_DOT: Final = 0x2E
_FILL: Final = REDACTED.encode("ascii")
_IN_DOMAIN: Final = bytes([byte < 0x80 and _DOMAIN.fullmatch(chr(byte)) is not None for byte in range(256)])


@final
class Email(Kind):
    """The first letter of the local part, and the domain unless it is hidden too.

    Giving away the domain is the point of this kind, and its danger: a domain of one person's own
    names that person. Only what looks like a host name is shown, so that other text with an @ in it is not.
    """

    def __init__(self, *, keep_domain: bool) -> None:
        self.keep_domain: Final = keep_domain

    def show(self, text: str) -> str | None:
        """`j***@example.com`; `***@example.com` where the first letter is all there is."""
        text = text.strip()
        at = text.rfind("@")
        if at < 0:
            return REDACTED
        domain = text[at + 1 :]
        shown = text[:1] if at > 1 else ""
        if not self.keep_domain or not _host_name(domain):
            domain = REDACTED
        return shown + REDACTED + "@" + domain

    def write_utf8(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """Of plain texts by their bytes."""
        if not INTERPRETED and is_plain(data, begin, end):
            size: i64 = self.write_plain(out, data, begin, end)
            if size >= 0:
                return size
        return super().write_utf8(out, data, begin, end)

    def write_plain(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """The same of a text that is plain, where it is a letter, more before an @, and a host name behind it that is
        shown; -1, and nothing of it, where it is anything else."""
        at: i64 = end - 1
        dots: i64 = 0
        byte: i64 = 0
        while at > begin:
            byte = data[at]
            if byte == _AT:
                break
            if _IN_DOMAIN[byte] == 0:
                return -1
            if byte == _DOT:
                dots += 1
            at -= 1
        size: i64 = end - at  # of the domain, and the @
        if byte != _AT or at - begin < 2 or dots == 0 or size - 1 > _MAX_DOMAIN or not self.keep_domain:
            return -1
        if _is_digit(data[end - 1]):
            return -1
        out.append(data[begin])
        out.write(_FILL)
        copy(out, data, at, end)
        return 1 + len(_FILL) + size

    def recognises(self, text: str) -> bool:
        """One letter or none, the fill, and a domain or none."""
        text = text.strip()
        return text == REDACTED or text.startswith(REDACTED + "@") or text[1:].startswith(REDACTED + "@")


def _is_digit(byte: i64) -> bool:
    return 0x30 <= byte <= 0x39


def _host_name(domain: str) -> bool:
    return (
        0 < len(domain) <= _MAX_DOMAIN
        and "." in domain
        and not domain[-1].isdigit()  # an address or a number, not a name
        and _DOMAIN.fullmatch(domain) is not None
    )
