"""`email`: the first letter of an address and its domain."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.mask.masker import REDACTED, Kind, is_plain

_DOMAIN_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
_MAX_DOMAIN: Final = 253
_DOMAIN_BYTES: Final = "".join(sorted(_DOMAIN_CHARACTERS)).encode("ascii")
_FILL: Final = REDACTED.encode("ascii")
_FILL_AT: Final = _FILL + b"@"


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

    def show_utf8(self, value: bytes) -> bytes | None:
        """Of plain texts by their bytes."""
        if not self.keep_domain or not is_plain(value):
            return super().show_utf8(value)
        at = value.rfind(b"@")
        if at < 0:
            return _FILL
        domain = value[at + 1 :]
        if not 0 < len(domain) <= _MAX_DOMAIN or domain.find(b".") < 0 or domain.translate(None, _DOMAIN_BYTES):
            return super().show_utf8(value)
        if domain[-1:].isdigit():
            return super().show_utf8(value)
        return value[:1] + _FILL_AT + domain if at > 1 else _FILL_AT + domain

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
