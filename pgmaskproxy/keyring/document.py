"""The text that keys are kept in: one line a key, the same in a file, a variable and a command's output.

    pgmaskproxy-keyring v1
    # name version created fingerprint secret
    masking 1 2026-11-22T08:15:27Z 5d41c0de gk3V...43 characters of base64url...

A line and not YAML, so that nothing but this module reads it, and no error ever quotes what is there: a key that was
pasted in the wrong place is still a key. The fingerprint is derived of the secret and holds it to what was written: a
secret with a wrong character would make other tokens, and nobody would know why.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final, final

from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.mask.keys import GREATEST_VERSION, Key, Keyring

HEADER: Final = "pgmaskproxy-keyring v1"
COMMENTS: Final = (
    "# Who has a secret can undo every token made with it, and make hashes of guesses. Lose it, and nobody can.",
    "# name version created fingerprint secret",
)
SECRET_BYTES: Final = 32
MAX_CHARACTERS: Final = 1 << 16
MAX_KEYS: Final = 500

_FIELDS: Final = 5
_FINGERPRINT_BYTES: Final = 4
# Shorter than a secret is written, so that none that is in the wrong place passes for a name.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,4}")
_CREATED: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")
_PRINT: Final = re.compile(r"[0-9a-f]{8}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")


@final
class Entry:
    """One key, as it is kept."""

    def __init__(self, name: str, version: int, created: str, secret: bytes) -> None:
        self.name: Final = name
        self.version: Final = version
        self.created: Final = created
        """RFC 3339, UTC, whole seconds."""
        self._secret: Final = secret
        self.key: Final = Key(name, version, secret)
        self.fingerprint: Final = self.key.derive("fingerprint", "", _FINGERPRINT_BYTES).hex()
        """Tells two keys apart and gives nothing of either away."""

    def __repr__(self) -> str:
        return f"Entry({self.name!r}, {self.version}, {self.fingerprint})"

    def __str__(self) -> str:
        """Fit for a log: `masking/2 5d41c0de`."""
        return f"{self.name}/{self.version} {self.fingerprint}"

    def line(self) -> str:
        """Its line, with the secret: for who writes it down, and nobody else."""
        secret = base64.urlsafe_b64encode(self._secret).rstrip(b"=").decode("ascii")
        return f"{self.name} {self.version} {self.created} {self.fingerprint} {secret}"


@final
class Document:
    """Every key of one text, sorted by name and version."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries: Final = tuple(sorted(entries, key=lambda entry: (entry.name, entry.version)))

    def __repr__(self) -> str:
        return f"Document({', '.join(map(str, self.entries))})"

    def names(self) -> tuple[str, ...]:
        """Every name once, sorted."""
        return tuple(dict.fromkeys(entry.name for entry in self.entries))

    def newest(self, name: str) -> Entry | None:
        """The one that makes what is shown; None where there is none of the name."""
        return next((entry for entry in reversed(self.entries) if entry.name == name), None)

    def keyring(self) -> Keyring:
        """For the masks."""
        return Keyring(entry.key for entry in self.entries)


NO_DOCUMENT: Final = Document()


def is_name(text: str) -> bool:
    """Whether a key may be called so."""
    return _NAME.fullmatch(text) is not None


def with_line(text: str, entry: Entry) -> str:
    """`text`, a document or nothing, with one more key at its end. Comments stay."""
    if not text.strip():
        text = "\n".join([HEADER, *COMMENTS])
    return text.rstrip("\n") + "\n" + entry.line() + "\n"


def read_document(place: str, text: str) -> Document:
    """The keys in `text`, from `place`. ConfigError with every problem and its line, and nothing of what stands there;
    so for an empty text too."""
    if len(text) > MAX_CHARACTERS:
        raise _wrong(place, 0, f"is longer than {MAX_CHARACTERS} characters, so no keyring")
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    written = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not written:
        raise _wrong(place, 0, "has no keys in it: `pgmaskproxy key generate` makes one")
    first, header = written[0]
    if header != HEADER:
        raise _wrong(place, first, f'is no keyring: its first line is not "{HEADER}"')
    problems: list[Problem] = []
    found: dict[tuple[str, int], tuple[int, Entry]] = {}
    for number, line in written[1:]:
        wrong, entry = _entry(line)
        if entry is not None:
            before = found.setdefault((entry.name, entry.version), (number, entry))
            if before[0] != number:
                wrong = f"the same name and version as in line {before[0]}"
        if wrong:
            problems.append(Problem(wrong, place, number))
    if len(written) == 1:
        problems.append(Problem("has no keys in it", place, first))
    if len(found) > MAX_KEYS:
        problems.append(Problem(f"has more than {MAX_KEYS} keys", place, first))
    if problems:
        raise ConfigError(problems)
    return Document([entry for _, entry in found.values()])


def _entry(line: str) -> tuple[str, Entry | None]:
    """What is wrong with a line, '' for nothing; and what it says."""
    fields = line.split()
    if len(fields) != _FIELDS:
        return f"has {len(fields)} fields instead of name, version, created, fingerprint, secret", None
    name, version, created, fingerprint, secret = fields
    if not is_name(name):
        return "the name is not 1 to 32 of a-z, 0-9, _ and -, a letter first", None
    if not _VERSION.fullmatch(version) or int(version) > GREATEST_VERSION:
        return f"the version is not a number from 1 to {GREATEST_VERSION}", None
    if not _CREATED.fullmatch(created):
        return "the date is not like 2026-11-22T08:15:27Z", None
    if not _PRINT.fullmatch(fingerprint):
        return "the fingerprint is not 8 of 0-9 and a-f", None
    raw = _decoded(secret)
    if raw is None:
        return f"the secret is not {SECRET_BYTES} bytes of base64url", None
    entry = Entry(name, int(version), created, raw)
    if entry.fingerprint != fingerprint:
        return "the secret is not the one that the fingerprint is of: a character was changed, or the name", None
    return "", entry


def _decoded(secret: str) -> bytes | None:
    return base64.urlsafe_b64decode(secret.rstrip("=") + "=") if _SECRET.fullmatch(secret) else None


def _wrong(place: str, line: int, message: str) -> ConfigError:
    return ConfigError([Problem(message, place, line)])
