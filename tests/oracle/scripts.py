"""A psql script taken apart as psql does it: statements up to their semicolon, backslash commands, COPY's lines.

Only as much of psql as PostgreSQL's own regression scripts need: strings of all four kinds, nested comments,
parentheses, bodies between BEGIN ATOMIC and END, and variables set by backslash-set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
      (?P<comment> --[^\n]*)
    | (?P<block>   /\*)
    | (?P<escape>  \b[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>  '(?:[^']|'')*')
    | (?P<quoted>  "(?:[^"]|"")*")
    | (?P<dollar>  \$(?P<tag>(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?)\$.*?\$(?P=tag)\$)
    | (?P<variable>(?<![:\w]):(?:'(?P<literal>\w+)'|"(?P<name>\w+)"|(?P<plain>[A-Za-z_]\w*)))
    | (?P<meta>    \\(?:;|[^\n]*))
    | (?P<word>    [A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)
    | (?P<other>   .)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_FROM_STDIN: Final = re.compile(r"\s*copy\b.*\bfrom\s+std(?:in|out)\b", re.IGNORECASE | re.DOTALL)
_SENDS: Final = ("\\g", "\\bind", "\\watch", "\\crosstabview", "\\parse", "\\startpipeline")


@dataclass(frozen=True, slots=True)
class Command:
    """One thing psql does: a statement to send, or (`meta`) a backslash command of its own."""

    text: str
    meta: bool = False
    data: str = ""
    """The lines behind COPY ... FROM STDIN."""


def commands(script: str) -> Iterator[Command]:
    """What psql makes of a script, in order. A statement that the end of the script cuts off is left out."""
    return _Splitter(script).run()


class _Splitter:
    def __init__(self, script: str) -> None:
        self.script = script
        self.at = 0
        self.variables: dict[str, str] = {}
        self.parts: list[str] = []
        self.parentheses = 0
        self.words: list[str] = []
        self.blocks = 0

    def run(self) -> Iterator[Command]:
        while self.at < len(self.script):
            found = _TOKEN.match(self.script, self.at)
            assert found is not None
            self.at = found.end()
            kind, text = found.lastgroup, found.group()
            if kind in {"literal", "name", "plain"}:  # the innermost group that took part
                kind = "variable"
            if kind == "block":
                self._skip_comment()
            elif kind == "variable":
                self.parts.append(self._value(found))
            elif kind == "meta":
                yield from self._meta(text)
            elif kind == "other" and text == ";" and self.parentheses <= 0 and not self.blocks:
                yield from self._send()
            elif kind != "comment":
                self._keep(kind or "", text)

    def _keep(self, kind: str, text: str) -> None:
        self.parts.append(text)
        if kind == "word":
            self.words.append(text.lower())
            self._bodies(text.lower())
        elif text == "(":
            self.parentheses += 1
        elif text == ")":
            self.parentheses -= 1

    def _bodies(self, word: str) -> None:
        """BEGIN ATOMIC ... END of CREATE FUNCTION and PROCEDURE, with CASE ... END inside."""
        if self.words[0] != "create" or not {"function", "procedure"} & set(self.words[:4]):
            return
        if word == "atomic" or (self.blocks and word in {"begin", "case"}):
            self.blocks += 1
        elif self.blocks and word == "end":
            self.blocks -= 1

    def _skip_comment(self) -> None:
        depth = 1
        while depth:
            found = _COMMENT_EDGE.search(self.script, self.at)
            if found is None:
                self.at = len(self.script)
                return
            depth += 1 if found.group() == "/*" else -1
            self.at = found.end()
        self.parts.append(" ")

    def _value(self, found: re.Match[str]) -> str:
        for group, quote in (("literal", "'"), ("name", '"'), ("plain", "")):
            name = found.group(group)
            if name is not None and name in self.variables:
                value = self.variables[name]
                return quote + (value.replace(quote, quote * 2) if quote else value) + quote
        return found.group()

    def _meta(self, text: str) -> Iterator[Command]:
        if text == "\\;" or text.startswith(_SENDS):
            yield from self._send()
            return
        if text.startswith("\\set "):
            name, *values = text.split()[1:] or [""]
            self.variables[name] = "".join(value.strip("'\"") for value in values)
        yield Command(text.strip(), meta=True)

    def _send(self) -> Iterator[Command]:
        text = "".join(self.parts).strip()
        self.parts, self.words, self.parentheses, self.blocks = [], [], 0, 0
        if not text:
            return
        data = ""
        if _FROM_STDIN.match(text):
            start = self.script.find("\n", self.at) + 1
            end = re.compile(r"^\\\.$", re.MULTILINE).search(self.script, start)
            stop = end.start() if end is not None else start
            data = self.script[start:stop]
            self.at = end.end() if end is not None else start
        yield Command(text, data=data)
