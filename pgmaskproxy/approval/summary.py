"""A held request in the words that its approver needs, in the order in which they are needed.

One source for the card in a chat room and for the page in a browser: `summarize` gives plain, bounded text in which
nothing can hide (see `visible`), unescaped: whoever renders it escapes for their own medium. However long the
statement is, what it changes is said first, in words, and the places where it says so are among the excerpts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.approval.visible import hidden_characters, visible
from pgmaskproxy.model import JsonValue

NAME: Final = 200
"""Characters of one name or short phrase."""
SENTENCE: Final = 600
"""Characters of a reason or the policy's own words."""
ITEMS: Final = 12
"""Of a list; the rest is counted."""
OUTPUTS: Final = 24
HEAD: Final = 1400
TAIL: Final = 700
AROUND: Final = 160
"""Characters before and after a place where something is changed."""
EXCERPTS: Final = 6
LINES: Final = 30
"""Lines of one excerpt."""

_SPACES: Final = re.compile(r"[ \t\r\n]+")
_BLANK_LINES: Final = re.compile(r"\n(?:[ ]*\n)+")
_LINE_BREAKS: Final = re.compile(r"[ ]*\n[ ]*")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of the statement's text."""

    skipped: int
    """Characters that are left out before it, back to the piece before or the beginning."""
    text: str


@dataclass(frozen=True, slots=True)
class Summary:
    """See the module. Tuples are lists for people, their last item saying how many more there are."""

    id: str
    state: str
    does: tuple[str, ...]
    """What it will do, worst first: `deletes EVERY row of public.customers (it has no WHERE)`."""
    warnings: tuple[str, ...]
    """What should make one look twice: hidden characters, text that was left out."""
    principal: str
    """The login that asks."""
    kind: str
    """agent, human or service."""
    owner: str
    """Who answers for it and cannot decide; '' for nobody."""
    person: str
    """Whose login it is and who cannot decide; '' for nobody's."""
    application: str
    address: str
    database: str
    role: str
    tables: tuple[str, ...]
    """`public.customers (written)`, those that are written first."""
    columns: tuple[str, ...]
    """`public.customers.ssn (pii.ssn): returned, used in WHERE`."""
    outputs: tuple[str, ...]
    """Per output: `email: partial (pii.email)`, `id: clear`."""
    card: str
    """The policy's own words for the rule; '' when it has none."""
    rules: tuple[str, ...]
    """`exports (policies/shop.yaml:12)`."""
    asked: tuple[str, ...]
    """`2 of dba`."""
    reason: str
    """The requester's; '' when none was given."""
    created: int
    """Unix seconds."""
    deadline: int
    """Unix seconds; from then on it cannot be approved."""
    sql: tuple[Excerpt, ...]
    """Head, the places that change something, and tail; labelled literals are `?`."""
    sql_length: int
    """Characters of the exact text."""
    literals: bool
    """Whether the excerpts show the statement's literals."""
    comments: bool
    """Whether the exact text may have comments, which the excerpts never have."""
    parameters: int
    """How many there are; their values are on the page only."""
    digest: str
    """Of exactly what is approved; the page shows the same."""
    unmask: tuple[str, ...] = ()
    """Columns that are shown as they are; `does` begins with them."""

    def as_json(self) -> dict[str, JsonValue]:
        """For a store; `from_json` reads it."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `as_json` wrote. Raises KeyError or TypeError for anything else."""
        # What an earlier version has put into the outbox has nothing of this one's.
        given = {
            field.name: value[field.name] for field in fields(cls) if field.name in value or field.name != "unmask"
        }
        lists = {name: tuple(each) for name, each in given.items() if isinstance(each, list)}
        excerpts = tuple(Excerpt(each["skipped"], each["text"]) for each in given["sql"])
        return cls(**{**given, **lists, "sql": excerpts})


def summarize(request: ApprovalRequest) -> Summary:
    """The summary of a request in any state."""
    facts = request.facts
    text = facts.text or request.redacted
    excerpts, unseen = excerpts_of(text, facts.places)
    # What a chat room is told has comments and, perhaps, literals left out; what hides there is told of all the same.
    hidden = hidden_characters("".join([request.sql, *(each.text or "" for each in request.parameters)]))
    written = set(facts.writes)
    read = [name for name in (facts.reads or request.relations) if name not in written]
    tables = [
        *(f"{name} ({'read and written' if name in facts.reads else 'written'})" for name in facts.writes),
        *(f"{name} (read)" for name in read),
    ]
    return Summary(
        id=request.id,
        state=request.state.value,
        does=_list([*_shows(request), *(facts.does or [f"has the effects {', '.join(request.effects)}"])]),
        warnings=tuple(_warnings(hidden, excerpts, unseen)),
        principal=_line(request.principal),
        kind=_line(request.kind),
        owner=_line(request.owner or ""),
        person=_line(request.person or ""),
        application=_line(facts.application),
        address=_line(request.address),
        database=_line(request.database),
        role=_line(request.role),
        tables=_list(tables),
        columns=_list(f"{each.name} ({', '.join(each.labels)}): {', '.join(each.uses)}" for each in facts.columns),
        outputs=_list(request.shown, OUTPUTS),
        card=_line(request.card, SENTENCE),
        rules=_list(f"{rule.id} ({rule.file}:{rule.line})" if rule.file else rule.id for rule in request.rules),
        asked=_list(dict.fromkeys(f"{max(1, term.quorum)} of {' or '.join(term.groups)}" for term in request.terms)),
        reason=_line(request.reason, SENTENCE),
        created=int(request.created),
        deadline=int(request.deadline),
        sql=excerpts,
        sql_length=len(request.sql),
        literals=facts.literals,
        comments="--" in request.sql or "/*" in request.sql,
        parameters=len(request.parameters),
        digest=request.digest,
        unmask=tuple(map(_line, request.unmask)),
    )


def _shows(request: ApprovalRequest) -> Iterable[str]:
    """What is masked for everybody else and would be shown: before anything else, each column by its name."""
    rows = f"in at most {request.unmask_rows:,} {'row' if request.unmask_rows == 1 else 'rows'}, once"
    for column in request.unmask:
        yield f"shows {column} as it is to {request.principal}, {rows}"


def excerpts_of(text: str, places: Sequence[int] = ()) -> tuple[tuple[Excerpt, ...], int]:
    """The head of `text`, what is around each of `places` (character offsets), and its tail; of a short one, all.

    Second: how many of the places had no room.
    """
    shown, at = _visible_at(text, places)
    length = len(shown)
    windows = [(0, HEAD), (length - TAIL, length)] if length > HEAD + TAIL else [(0, length)]
    unseen = 0
    for place in at:
        if any(start <= place and min(place + AROUND // 2, length) <= end for start, end in windows):
            continue
        if len(windows) >= EXCERPTS + 2:
            unseen += 1
        else:
            windows.append((max(0, place - AROUND), min(length, place + AROUND)))
    found: list[Excerpt] = []
    end = 0
    for start, stop in _merged(windows):
        found.append(Excerpt(start - end, _few_lines(shown[start:stop])))
        end = stop
    return tuple(found), unseen


def _visible_at(text: str, places: Sequence[int]) -> tuple[str, list[int]]:
    """`text` made visible, and where in that those places are."""
    parts: list[str] = []
    found: list[int] = []
    length = begin = 0
    for place in sorted(set(places)):
        parts.append(visible(text[begin:place]))
        length += len(parts[-1])
        begin = place
        found.append(length)
    parts.append(visible(text[begin:]))
    return "".join(parts), found


def _merged(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _few_lines(text: str) -> str:
    """Empty lines push what follows out of sight as well as characters do."""
    text = _BLANK_LINES.sub("\n", text.expandtabs(4))
    return text if text.count("\n") < LINES else _LINE_BREAKS.sub(" ", text)


def _warnings(hidden: Sequence[str], excerpts: Sequence[Excerpt], unseen: int) -> Iterable[str]:
    if hidden:
        yield f"the text has characters that a screen does not show: {'; '.join(_list(hidden, 4))}"
    left_out = sum(each.skipped for each in excerpts)
    if left_out:
        yield f"the statement is long: {left_out:,} characters of it are not shown here"
    if unseen:
        yield f"it changes something in {unseen} more places that are not shown here"


def _line(text: str, limit: int = NAME) -> str:
    """`text` on one line, of a long one the beginning and the end: both may be what matters."""
    shown = visible(_SPACES.sub(" ", text).strip())
    if len(shown) <= limit:
        return shown
    half = (limit - 3) // 2
    return f"{shown[: limit - 3 - half]} … {shown[-half:]}"


def _list(texts: Iterable[str], most: int = ITEMS) -> tuple[str, ...]:
    found = [_line(each, 2 * NAME) for each in texts]
    return tuple(found) if len(found) <= most else (*found[:most], f"and {len(found) - most} more")


def _plain(value: Any) -> JsonValue:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
