"""Values that look like what a column holds, and that nobody has: for `pgmaskproxy canary plant`.

Randomness is an argument: `below(n)` is an unguessable whole number from 0 to n-1 (`secrets.randbelow`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

Below: TypeAlias = Callable[[int], int]

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_FIRST: Final = ("mara", "joren", "liska", "tomek", "yvette", "anselm", "pilar", "osric")
_LAST: Final = ("lindqvist", "okoro", "marchetti", "dvorak", "saunders", "ibarra", "whitlock", "nakata")

HINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "ssn": ("ssn", "social_sec", "tax", "national_id"),
    "email": ("mail",),
    "card": ("card", "pan", "payment"),
    "phone": ("phone", "mobile", "fax"),
    "uuid": ("uuid", "guid"),
}
"""Parts of a label's or a column's name that say what a column holds; the first kind that fits counts."""


def _token(below: Below) -> str:
    return f"{_FIRST[below(len(_FIRST))]}-{_noise(below, 12)}"


def _email(below: Below) -> str:
    return f"{_FIRST[below(len(_FIRST))]}.{_LAST[below(len(_LAST))]}.{_noise(below, 10)}@post.example"


def _uuid(below: Below) -> str:
    return str(uuid.UUID(int=below(1 << 128), version=4))


def _bigint(below: Below) -> str:
    return str((1 << 62) + below(1 << 62))


def _card(below: Below) -> str:
    """9999 is no issuer (ISO/IEC 7812: 9 and a country's number; 999 is no country's). Luhn's digit is right."""
    digits = f"9999{below(10**11):011}"
    doubled = (int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(digits))
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return f"{digits}{-total % 10}"


def _phone(below: Below) -> str:
    """+999 is reserved (ITU-T E.164)."""
    return f"+999{below(10**11):011}"


def _ssn(below: Below) -> str:
    """An area from 900 on is no SSN's, and an ITIN, which has one, has no group below 50 (IRS)."""
    return f"{900 + below(100)}-{10 + below(40)}-{1 + below(9999):04}"


KINDS: Final[Mapping[str, Callable[[Below], str]]] = {
    "token": _token,
    "email": _email,
    "uuid": _uuid,
    "bigint": _bigint,
    "card": _card,
    "phone": _phone,
    "ssn": _ssn,
}


def kind_for(label: str, column: str) -> str:
    """The kind that a label's and a column's names suggest."""
    words = f"{label} {column.rpartition('.')[2]}".lower()
    return next((kind for kind, parts in HINTS.items() if any(part in words for part in parts)), "token")


def _noise(below: Below, length: int) -> str:
    return "".join(_LETTERS[below(len(_LETTERS))] for _ in range(length))
