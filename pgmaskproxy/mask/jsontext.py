"""JSON documents as the server writes them, walked once: what is masked is replaced, every other byte stays.

Nothing is decoded that is not looked at: numbers keep their digits, white space and members of the same name stay where
they are. What is nested deeper than anybody nests is not followed, and the whole document is NULL.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.mask.detectors import may_find
from pgmaskproxy.mask.fixed import Redact, Zero
from pgmaskproxy.mask.jsonpath import Step
from pgmaskproxy.mask.masker import REDACTED, Kind, Masker
from pgmaskproxy.mask.scrub import Scrub
from pgmaskproxy.mask.typed import JSONB_VERSION, text_reader
from pgmaskproxy.mask.types import JSONB

DEEPEST: Final = 200

_QUOTE: Final = 0x22
_COMMA: Final = 0x2C
_COLON: Final = 0x3A
_OPEN_ARRAY: Final = 0x5B
_BACKSLASH: Final = 0x5C
_CLOSE_ARRAY: Final = 0x5D
_OPEN: Final = 0x7B
_CLOSE: Final = 0x7D
_BLANK: Final = 0x20

_Active = list[tuple["JsonRule", int]]
"""Rules, each with how many of its steps have been taken."""


class NotJson(ValueError):
    """No document that a server writes, or one nested too deeply."""


@final
class JsonRule:
    """A path, and the kind that masks what is there; None is JSON's null."""

    def __init__(self, steps: tuple[Step, ...], kind: Kind | None) -> None:
        self.steps: Final = steps
        self.kind: Final = kind
        self.forks: Final = any(step.deep for step in steps)


@final
class JsonMasker(Masker):
    """For json and jsonb. `rules` mask what their paths name, the first of them where several do; `leaves` masks every
    other scalar, and the names of members, or None."""

    def __init__(self, rules: Sequence[JsonRule], leaves: Kind | None, family: str, code: int) -> None:
        super().__init__(fixed=False)
        self.rules: Final = list(rules)
        self.leaves: Final = leaves
        self.scrubbed: Final = isinstance(leaves, Scrub) and not rules
        self.read: Final = text_reader(family, code)
        self.versioned: Final = family == JSONB and code == 1

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what is no JSON, or cannot be followed."""
        # What has no escapes is as it reads: most documents have nothing in them that is looked for.
        if self.scrubbed and value.find(b"\\") < 0 and not may_find(value):
            return value
        try:
            shown = masked_json(self.read(value), self.rules, self.leaves)
        except ValueError:
            return None
        return JSONB_VERSION + shown if self.versioned else shown


def masked_json(text: bytes, rules: Sequence[JsonRule], leaves: Kind | None) -> bytes:
    """The document with everything masked that is to be. NotJson."""
    walk = _Walk(text, leaves)
    end = walk.value(walk.skip_space(0), [(rule, 0) for rule in rules], 0)
    if walk.skip_space(end) != len(text):
        raise NotJson("more than one document")
    return walk.finished()


def recognised_json(text: str, rules: Sequence[JsonRule]) -> bool:
    """Whether a scalar that a rule names is one that its kind has shown."""
    found = _Walk(text.encode("utf-8", errors="replace"), None, asked=True)
    try:
        found.value(found.skip_space(0), [(rule, 0) for rule in rules], 0)
    except NotJson:
        return False
    return found.recognised


def json_string(text: str) -> str:
    """The text that a document is which is nothing but a string; '' for every other."""
    raw = text.strip().encode("utf-8", errors="replace")
    if len(raw) < 2 or raw[:1] != b'"' or raw[-1:] != b'"':
        return ""
    try:
        return _decoded(raw)
    except ValueError:
        return ""


@final
class _Walk:
    def __init__(self, data: bytes, leaves: Kind | None, *, asked: bool = False) -> None:
        self._data: Final = data
        self._leaves: Final = leaves
        self._asked: Final = asked
        """Only whether a value is one that was shown."""
        self.recognised = False
        self._out: list[bytes] = []
        self._copied: i64 = 0

    def finished(self) -> bytes:
        """What has become of it."""
        self._out.append(self._data[self._copied :])
        return b"".join(self._out)

    def skip_space(self, at: i64) -> i64:
        """Where the next thing begins."""
        data = self._data
        size: i64 = len(data)
        # Nothing below a blank but white space is outside of a string, or it is no JSON and found out there.
        while at < size and data[at] <= _BLANK:
            at += 1
        return at

    def value(self, at: i64, active: _Active, depth: i64) -> i64:
        """Walk the value that begins at `at`; where it ends."""
        if depth > DEEPEST:
            raise NotJson("nested too deeply")
        if at >= len(self._data):
            raise NotJson("a value is missing")
        for rule, taken in active:
            if taken == len(rule.steps):
                return self._masked(at, rule.kind)
        first: i64 = self._data[at]
        if first not in (_OPEN, _OPEN_ARRAY):
            end = self._scalar_end(at)
            if self._leaves is not None:
                self._leaf(at, end, self._leaves, b"null")
            return end
        if not active and self._leaves is None:
            return self._container_end(at)
        return self._members(at, active, depth) if first == _OPEN else self._elements(at, active, depth)

    def _members(self, at: i64, active: _Active, depth: i64) -> i64:
        at = self.skip_space(at + 1)
        if self._byte(at) == _CLOSE:
            return at + 1
        while True:
            if self._byte(at) != _QUOTE:
                raise NotJson("a member has no name")
            end = self._string_end(at)
            name = self._data[at + 1 : end - 1]
            if name.find(b"\\") >= 0:
                name = _decoded(self._data[at:end]).encode("utf-8", errors="surrogatepass")
            if self._leaves is not None:
                self._leaf(at, end, self._leaves, _encoded(REDACTED))  # a name that is null is no JSON
            at = self.skip_space(end)
            if self._byte(at) != _COLON:
                raise NotJson("a member has no value")
            at = self.value(self.skip_space(at + 1), _next(active, name, -1), depth + 1)
            at = self.skip_space(at)
            if self._byte(at) == _CLOSE:
                return at + 1
            if self._byte(at) != _COMMA:
                raise NotJson("members without a comma")
            at = self.skip_space(at + 1)

    def _elements(self, at: i64, active: _Active, depth: i64) -> i64:
        at = self.skip_space(at + 1)
        if self._byte(at) == _CLOSE_ARRAY:
            return at + 1
        index = 0
        while True:
            at = self.skip_space(self.value(at, _next(active, None, index), depth + 1))
            if self._byte(at) == _CLOSE_ARRAY:
                return at + 1
            if self._byte(at) != _COMMA:
                raise NotJson("elements without a comma")
            at = self.skip_space(at + 1)
            index += 1

    def _masked(self, at: i64, kind: Kind | None) -> i64:
        """Replace the value at `at`. A scalar is masked as the text that it is; of an object or an array nobody knows
        what a kind would make, so that it goes whole."""
        container = self._data[at] in (_OPEN, _OPEN_ARRAY)
        end = self._container_end(at) if container else self._scalar_end(at)
        raw = self._data[at:end]
        if raw == b"null":
            return end
        if self._asked:
            scalar = raw[:1] == b'"'
            self.recognised = self.recognised or (scalar and kind is not None and kind.recognises(_decoded(raw)))
            return end
        if kind is None:
            self._replace(at, end, b"null")
        elif isinstance(kind, Zero):
            self._replace(at, end, _nothing(raw))
        elif container:
            shown = kind.shown if isinstance(kind, Redact) else REDACTED
            self._replace(at, end, _encoded(shown))
        else:
            self._replace(at, end, _shown(raw, kind))
        return end

    def _leaf(self, at: i64, end: i64, kind: Kind, nothing: bytes) -> None:
        """Replace a scalar, or a name, where the kind makes something else of it; by `nothing` where it is NULL."""
        raw = self._data[at:end]
        if isinstance(kind, Scrub) and raw.find(b"\\") < 0 and not may_find(raw):
            return
        if raw[:1] != b'"' and not raw[:1].isdigit() and raw[:1] != b"-":
            return
        text = _decoded(raw) if raw[:1] == b'"' else raw.decode("ascii", errors="replace")
        shown = kind.show(text)
        if shown != text:
            self._replace(at, end, nothing if shown is None else _encoded(shown))

    def _replace(self, at: i64, end: i64, by: bytes) -> None:
        self._out.append(self._data[self._copied : at])
        self._out.append(by)
        self._copied = end

    def _byte(self, at: i64) -> i64:
        if at >= len(self._data):
            raise NotJson("it ends too early")
        return self._data[at]

    def _string_end(self, at: i64) -> i64:
        """Behind the closing quote of the string that begins at `at`."""
        data = self._data
        end: i64 = data.find(b'"', at + 1)
        while end >= 0:
            before: i64 = end - 1
            while data[before] == _BACKSLASH:
                before -= 1
            if (end - before) & 1 == 1:
                return end + 1
            end = data.find(b'"', end + 1)
        raise NotJson("a string without an end")

    def _scalar_end(self, at: i64) -> i64:
        data = self._data
        if data[at] == _QUOTE:
            return self._string_end(at)
        size: i64 = len(data)
        end: i64 = at
        while end < size:
            byte: i64 = data[end]
            if byte <= _BLANK or byte in (_COMMA, _CLOSE, _CLOSE_ARRAY):
                break
            end += 1
        if end == at:
            raise NotJson("a value is missing")
        return end

    def _container_end(self, at: i64) -> i64:
        """Behind the bracket that closes the one at `at`, whatever is in between."""
        data = self._data
        size: i64 = len(data)
        depth: i64 = 0
        while at < size:
            byte: i64 = data[at]
            if byte == _QUOTE:
                at = self._string_end(at)
                continue
            if byte in (_OPEN, _OPEN_ARRAY):
                depth += 1
            elif byte in (_CLOSE, _CLOSE_ARRAY):
                depth -= 1
                if depth == 0:
                    return at + 1
            at += 1
        raise NotJson("an object or array without an end")


def _next(active: _Active, name: bytes | None, index: int) -> _Active:
    """Where the rules are one level down."""
    if not active:
        return active
    found: _Active = []
    for rule, taken in active:
        step = rule.steps[taken]
        # Two ways may lead to one place: without this there would be more of them with every level.
        if step.takes(name, index) and not (rule.forks and (rule, taken + 1) in found):
            found.append((rule, taken + 1))
        if step.deep and (rule, taken) not in found:
            found.append((rule, taken))
    return found


def _decoded(raw: bytes) -> str:
    if raw.find(b"\\") < 0:
        return raw[1:-1].decode("utf-8")
    return str(json.loads(raw))


def _encoded(text: str) -> bytes:
    if text.isprintable() and '"' not in text and "\\" not in text:
        return b'"' + text.encode("utf-8") + b'"'
    return json.dumps(text, ensure_ascii=False).encode("utf-8")


def _shown(raw: bytes, kind: Kind) -> bytes:
    text = _decoded(raw) if raw[:1] == b'"' else raw.decode("ascii", errors="replace")
    try:
        shown = kind.show(text)
        return b"null" if shown is None else _encoded(shown)
    except UnicodeEncodeError:
        return _encoded(REDACTED)  # half of a surrogate pair, which json may have and no text can


def _nothing(raw: bytes) -> bytes:
    if raw[:1] == b'"':
        return b'""'
    if raw[:1] == b"{":
        return b"{}"
    if raw[:1] == b"[":
        return b"[]"
    return b"false" if raw in (b"true", b"false") else b"0"
