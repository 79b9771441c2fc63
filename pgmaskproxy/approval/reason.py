"""Why a client asks: `pgmaskproxy.reason`, or a comment at the statement's very beginning, for that statement alone.

    /* reason: INC-4711, the customer moved */ UPDATE customers SET city = 'Porto' WHERE id = 7

Only what stands before the first token counts: a value that was pasted into a statement must not speak for its author.
"""

from __future__ import annotations

import re
from typing import Final

REASON: Final = "pgmaskproxy.reason"
"""The setting."""
LONGEST: Final = 500
"""Characters of a reason that anybody is shown."""

_SPACE: Final = " \t\n\r\f\v"
_LINE_END: Final = re.compile(r"[\r\n]|\Z")
_MARKS: Final = re.compile(r"/\*|\*/")
_SAID: Final = re.compile(r"\s*reason\s*:(.*)", re.IGNORECASE | re.DOTALL)


def bounded(reason: str) -> str:
    """`reason` on one line, of at most `LONGEST` characters; what is left out is said."""
    line = " ".join(reason.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}… ({len(line) - LONGEST} characters more)"


def reason_of(sql: str) -> str:
    """The reason that a statement's own text gives before its first token, `bounded`; '' when it gives none.

    Comments as PostgreSQL's scanner has them (manual, 4.1.5): `/* */` nests, `--` goes on to the end of its line.
    The first comment that says `reason:` counts.
    """
    at = 0
    while True:
        while at < len(sql) and sql[at] in _SPACE:
            at += 1
        if sql.startswith("--", at):
            ended = _LINE_END.search(sql, at)
            at = ended.end() if ended is not None else len(sql)
            continue
        end = _end_of_comment(sql, at) if sql.startswith("/*", at) else None
        if end is None:
            return ""
        said = _SAID.fullmatch(sql, at + 2, end - 2)
        if said is not None:
            return bounded(said[1])
        at = end


def _end_of_comment(sql: str, start: int) -> int | None:
    """After the `*/` that closes the comment at `start`; None when nothing does."""
    depth = 0
    for mark in _MARKS.finditer(sql, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return None
