"""What the proxy itself says to a client: errors, the notice while held, in PostgreSQL's own fields.

Codes and fields as the manual's "Error and Notice Message Fields"; texts as CONVENTIONS lists them.
"""

from __future__ import annotations

import json
from typing import Final

from pgmaskproxy.model import Refusal, Ruling, Unmask
from pgmaskproxy.wire.backend import ErrorResponse, NoticeResponse

MARK: Final = "pgmaskproxy:"
"""Before the JSON object in DETAIL's last line."""
MAX_NAME: Final = 63
"""NAMEDATALEN - 1."""


def error_fields(refusal: Refusal, severity: str, offset: int) -> dict[bytes, bytes]:
    """A refusal as the fields of an ErrorResponse; DETAIL's last line is `MARK` and JSON that an agent can parse."""
    fields = {
        b"S": severity.encode(),
        b"V": severity.encode(),
        b"C": refusal.sqlstate.encode(),
        b"M": _text(refusal.message),
    }
    detail = refusal.detail
    if refusal.facts:
        # In ASCII: no client's idea of a line (U+2028, U+0085) breaks it.
        detail = f"{detail}\n{MARK}{json.dumps(dict(refusal.facts))}".lstrip("\n")
    if detail:
        fields[b"D"] = _text(detail)
    if refusal.hint:
        fields[b"H"] = _text(refusal.hint)
    if refusal.position:
        fields[b"P"] = str(refusal.position + offset).encode()
    for code, value in ((b"s", refusal.schema), (b"t", refusal.table), (b"c", refusal.column)):
        if value:
            fields[code] = _text(value)
    if refusal.rule is not None:
        if refusal.rule.file:
            fields[b"F"] = _text(refusal.rule.file)
            fields[b"L"] = str(refusal.rule.line).encode()
        fields[b"R"] = _text(refusal.rule.id)
    return fields


def error_response(refusal: Refusal, *, severity: str = "ERROR", offset: int = 0) -> bytes:
    """The frame. `offset` is where the statement stands in the client's text, in characters."""
    return ErrorResponse(error_fields(refusal, severity, offset)).encode()


def held_notice(ruling: Ruling, request: str, elapsed: int, link: str) -> bytes:
    """The NOTICE of a held statement: at once, and every heartbeat."""
    terms = ruling.decision.terms
    groups = ", ".join(sorted({group for term in terms for group in term.groups}))
    rules = ", ".join(term.rule.id for term in terms)
    where = f"Approve or reject at {link}. " if link else ""
    return NoticeResponse(
        {
            b"S": b"NOTICE",
            b"V": b"NOTICE",
            b"C": b"00000",
            b"M": _text(f"statement is held for approval (request {request}, {elapsed}s elapsed)"),
            b"D": _text(f"Rule {rules} asks {groups} to decide."),
            b"H": _text(f"{where}Cancel with Ctrl-C."),
            b"R": _text(rules),
        }
    ).encode()


def _text(text: str) -> bytes:
    # A NUL would end the field early and let what follows pose as another field.
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", errors="replace")


def partly_masked(rows: int) -> bytes:
    """The WARNING where there were more rows than a person agreed to show."""
    return NoticeResponse(
        {
            b"S": b"WARNING",
            b"V": b"WARNING",
            b"C": b"01000",
            b"M": _text(f"only the first {rows} rows are shown as they are, and the rest is masked"),
            b"H": _text("An approval covers so many rows of one execution. Ask for fewer: LIMIT, or a condition."),
        }
    ).encode()


def not_confirmed(unmask: Unmask) -> Refusal:
    """42501: the server does not say of an output that it is the column that is asked for."""
    columns = tuple(map(str, unmask.columns))
    return Refusal(
        "42501",
        f"permission denied by policy: cannot tell for certain which outputs are {', '.join(columns)}",
        detail="The server describes them as something else than these columns. Nobody was asked.",
        hint="Select the columns bare, from their own table: no view, no expression, no set operation.",
        facts=(("why", "unmask"), ("problem", "not_confirmed"), ("columns", columns)),
    )


def no_such_statement(name: bytes) -> Refusal:
    """26000, in the server's own words."""
    if not name:
        return Refusal("26000", "unnamed prepared statement does not exist")
    return Refusal("26000", f'prepared statement "{name.decode(errors="replace")}" does not exist')


def no_such_portal(name: bytes) -> Refusal:
    """34000, in the server's own words."""
    return Refusal("34000", f'portal "{name.decode(errors="replace")}" does not exist')


def name_taken(name: bytes) -> Refusal:
    """42939: the name is the proxy's own."""
    return Refusal("42939", f'the name "{name.decode(errors="replace")}" is reserved')


def name_too_long(name: bytes) -> Refusal:
    """42622: the server keeps names in tables whose keys end after 63 bytes, so two longer ones may be one there.

    Refused rather than cut: PostgreSQL cuts SQL's own names with a notice, and the protocol's silently (NAMEDATALEN).
    """
    return Refusal(
        "42622",
        f"the name of a prepared statement or portal is {len(name)} bytes long",
        detail=f"At most {MAX_NAME} bytes tell one name from another.",
        hint="Use a shorter name.",
    )


def too_much_prepared() -> Refusal:
    """53400: the statements that are prepared are too large together."""
    return Refusal(
        "53400",
        "the prepared statements and cursors of this session are too large together",
        hint="Close those that are not needed any more, or send values as parameters instead of literals.",
    )


def too_many_names() -> Refusal:
    """53400: a session's table of names is full."""
    return Refusal(
        "53400",
        "too many prepared statements and portals in this session",
        hint="Close or DEALLOCATE some, or raise limits.names.",
    )
