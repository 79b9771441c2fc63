"""A text without its constants: what is the same of `... WHERE id = 12345` and `... WHERE id = 7`.

Two texts of one skeleton have the same tokens in PostgreSQL's lexer (scan.l), but for what plain string, integer and
decimal constants say; everything else, white space and comments too, is in the skeleton as it stands. Where the
lexer could read on from a constant, or from what is before it (E'', U&'', $$, 1e5, a continued string, a nested
comment...), there is no skeleton: `tests/sql/test_skeleton.py` holds it against libpg_query's own scanner.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 16 * 1024
"""Of a text, in characters."""

_MAX_INTEGER: Final = "2147483647"
"""The lexer makes an ICONST of what is no larger, of all else an FCONST."""

_HIGH: Final = "\\x80-\\ud7ff\\ue000-\\U0010ffff"
"""Every byte of these is part of a name (scan.l, `ident_start`)."""

_PIECE: Final = re.compile(
    rf"""
    ((?:
        [ \t\n\r\f]++
      | [A-Za-z_{_HIGH}][A-Za-z0-9_${_HIGH}]*+ (?!'|&['"])  # E'', B'', X'', N'', U&'', U&"" are none of ours
      | [,()\[\];:+*<>=~!@\#%^&|`?]
      | "[^"\0]*+"
      | --[^\n\r\0]*+
      | -
      | /\*(?:[^*/\0]++|\*(?!/)|/(?!\*))*+\*/
      | /(?!\*)
      | \.(?![0-9])
      | \$[0-9]++ (?![A-Za-z0-9_${_HIGH}])
    )*+)
    (?:
        ('(?:[^'\\\0\ud800-\udfff]++|'')*+')
      | ([0-9]++) (\.[0-9]++)?+ (?![A-Za-z0-9_.${_HIGH}])
      | \Z
    )
    """,
    re.VERBOSE,
)
"""What stays, and the constant behind it: a string, or the digits before and from the point on; or the text's end."""

_CONTINUED: Final = ("", "--", "/*")
_FLOAT: Final = re.compile(r"\bfloat\b", re.IGNORECASE | re.ASCII)


def skeleton(sql: str) -> str | None:
    """The text with a mark of its kind for each constant; None where it has no skeleton."""
    end = len(sql)
    if end > LONGEST:
        return None
    parts: list[str] = []
    at, after_string = 0, False
    while True:
        piece = _PIECE.match(sql, at)
        if piece is None:
            return None
        kept, string, whole, fraction = piece.groups()
        parts.append(kept)
        if string is not None:
            if after_string and kept.lstrip()[:2] in _CONTINUED:
                return None  # two strings may be one constant (manual, 4.1.2.1)
            parts.append("\0s")
        elif fraction is not None:
            parts.append("\0f")
        elif whole is not None:
            parts.append("\0i" if _is_small(whole) else "\0l")
        after_string = string is not None
        at = piece.end()
        if at == end:
            return "".join(parts)


def filled(bare: str) -> str:
    """A text of this skeleton, and always the same one."""
    return bare.replace("\0s", "'x'").replace("\0i", "1").replace("\0l", "3000000000").replace("\0f", "1.5")


def grammar_looks(sql: str) -> bool:
    """Whether the grammar itself may look at a constant: float(24) is another type than float(25)."""
    return _FLOAT.search(sql) is not None


def _is_small(digits: str) -> bool:
    if len(digits) < len(_MAX_INTEGER):
        return True
    digits = digits.lstrip("0")
    return (len(digits), digits) <= (len(_MAX_INTEGER), _MAX_INTEGER)
