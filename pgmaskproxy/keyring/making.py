"""New keys: the first version of a name, and the one that follows the newest."""

from __future__ import annotations

import secrets
import time

from pgmaskproxy.errors import ProxyError
from pgmaskproxy.keyring.document import SECRET_BYTES, Document, Entry, is_name, read_document, with_line
from pgmaskproxy.mask.keys import GREATEST_VERSION


class NotMade(ProxyError):
    """The key that was asked for is there already, or follows none."""


def first(document: Document, name: str) -> Entry:
    """A key of a name that has none. NotMade where it has one: what was made with that would be read by nobody."""
    if not is_name(name):
        raise NotMade("a key's name is 1 to 32 of a-z, 0-9, _ and -, a letter first")
    there = document.newest(name)
    if there is not None:
        raise NotMade(
            f'there is a key "{name}" already, at version {there.version}',
            hint=f"`pgmaskproxy key rotate --name {name}` makes the next version, and keeps this one for what it made",
        )
    return _made(name, 1)


def following(document: Document, name: str) -> Entry:
    """The next version of a name. NotMade where there is none yet, or no number is left."""
    there = document.newest(name)
    if there is None:
        raise NotMade(f'there is no key "{name}"', hint=f"`pgmaskproxy key generate --name {name}` makes it")
    if there.version >= GREATEST_VERSION:
        raise NotMade(f'the key "{name}" is at version {there.version}, the last there can be')
    return _made(name, there.version + 1)


def added(place: str, text: str, entry: Entry) -> str:
    """`text` with the key. What was there is there still, or this raises: a key that is lost is lost with all that was
    made with it."""
    after = with_line(text, entry)
    before = [each.line() for each in read_document(place, text).entries] if text.strip() else []
    lines = {each.line() for each in read_document(place, after).entries}
    assert lines == {*before, entry.line()}
    return after


def _made(name: str, version: int) -> Entry:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Entry(name, version, created, secrets.token_bytes(SECRET_BYTES))
