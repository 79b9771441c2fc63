"""`email`: the first letter of an address and its domain."""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.mask.masker import REDACTED, Kind, is_plain

_DOMAIN_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
_MAX_DOMAIN: Final = 253
_AT: Final = 0x40
_MOST_TAILS: Final = 1024


@final
class Email(Kind):
    """The first letter of the local part, and the domain unless it is hidden too.

    Giving away the domain is the point of this kind, and its danger: a domain of one person's own
    names that person. Only what looks like a host name is shown, so that other text with an @ in it is not.
    """

    def __init__(self, *, keep_domain: bool) -> None:
        self.keep_domain: Final = keep_domain
        self._tails: dict[bytes, bytes] = {}

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

    def show_utf8(self, value: bytes) -> bytes | None:
        """Of plain texts by their bytes, where the domain was met before: few are met only once."""
        if not is_plain(value):
            return super().show_utf8(value)
        at: i64 = len(value) - 1
        while at >= 0 and value[at] != _AT:
            at -= 1
        if at < 1:
            return super().show_utf8(value)
        domain = value[at:]
        tail = self._tails.get(domain)
        if tail is None:
            tail = self._tail(domain)
        return value[:1] + tail if at > 1 else tail

    def _tail(self, domain: bytes) -> bytes:
        """What is shown from behind the first letter on; `domain` begins with the @."""
        name = domain[1:].decode("ascii")
        tail = f"{REDACTED}@{name if self.keep_domain and _host_name(name) else REDACTED}".encode("ascii")
        if len(self._tails) < _MOST_TAILS and len(domain) <= _MAX_DOMAIN:
            self._tails[domain] = tail
        return tail

    def recognises(self, text: str) -> bool:
        """One letter or none, the fill, and a domain or none."""
        text = text.strip()
        return text == REDACTED or text.startswith(REDACTED + "@") or text[1:].startswith(REDACTED + "@")


def _host_name(domain: str) -> bool:
    return (
        0 < len(domain) <= _MAX_DOMAIN
        and "." in domain
        and not domain[-1].isdigit()  # an address or a number, not a name
        and all(character in _DOMAIN_CHARACTERS for character in domain)
    )
