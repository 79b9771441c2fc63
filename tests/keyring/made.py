"""Keys whose secrets are known, for tests about where they come from."""

from __future__ import annotations

import base64

from pgmaskproxy.keyring.document import Document, Entry, with_line

CREATED = "2026-11-22T08:15:27Z"
SECRET = bytes(range(100, 132))
OTHER = bytes(range(200, 232))


def entry(name: str = "masking", version: int = 1, secret: bytes = SECRET) -> Entry:
    return Entry(name, version, CREATED, secret)


def text(*entries: Entry) -> str:
    """A document with these keys; one version of one key if none is given."""
    found = ""
    for each in entries or (entry(),):
        found = with_line(found, each)
    return found


def forms(secret: bytes) -> tuple[str, ...]:
    """Every way a secret could be written somewhere."""
    plain = base64.b64encode(secret).decode()
    return (secret.hex(), secret.hex().upper(), plain, plain.rstrip("="), *(_url(secret)), repr(secret)[2:-1])


def _url(secret: bytes) -> tuple[str, str]:
    url = base64.urlsafe_b64encode(secret).decode()
    return url, url.rstrip("=")


def shown(said: str, *secrets: bytes) -> list[str]:
    """The forms of secrets that are in `said`: none should be, nor a quarter of one."""
    whole = [form for secret in secrets or (SECRET, OTHER) for form in forms(secret)]
    return [form for form in whole if form in said or form[:12] in said or form[-12:] in said]


__all__ = ["CREATED", "OTHER", "SECRET", "Document", "entry", "forms", "shown", "text"]
