"""SASLprep (RFC 4013) of a password, as PostgreSQL does it (src/common/saslprep.c).

Two peculiarities are kept, since both ends must come to the same bytes: what is prohibited is
looked for before normalization, not after it; and a password that cannot be prepared is used as it is.
"""

from __future__ import annotations

import stringprep
import unicodedata


def saslprep(password: str | bytes) -> bytes:
    """The bytes of `password` that are hashed: prepared, or as they are when they cannot be."""
    raw = password.encode("utf-8", "surrogatepass") if isinstance(password, str) else password
    if raw.isascii():
        return raw
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw
    mapped = "".join([_map(character) for character in text])
    if not mapped or any(_prohibited(character) for character in mapped) or not _bidirectional(mapped):
        return raw
    return unicodedata.normalize("NFKC", mapped).encode("utf-8")


def _map(character: str) -> str:
    """RFC 3454 section 3: other spaces become a space, some characters nothing."""
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _prohibited(character: str) -> bool:
    """RFC 3454 section 5, tables as RFC 4013 section 2.3 names them, and what Unicode 3.2 left unassigned."""
    return (
        stringprep.in_table_a1(character)
        or stringprep.in_table_c12(character)
        or stringprep.in_table_c21_c22(character)
        or stringprep.in_table_c3(character)
        or stringprep.in_table_c4(character)
        or stringprep.in_table_c5(character)
        or stringprep.in_table_c6(character)
        or stringprep.in_table_c7(character)
        or stringprep.in_table_c8(character)
        or stringprep.in_table_c9(character)
    )


def _bidirectional(text: str) -> bool:
    """RFC 3454 section 6: with any right-to-left character, no left-to-right one, and one at either end."""
    if not any(stringprep.in_table_d1(character) for character in text):
        return True
    return (
        not any(stringprep.in_table_d2(character) for character in text)
        and stringprep.in_table_d1(text[0])
        and stringprep.in_table_d1(text[-1])
    )
