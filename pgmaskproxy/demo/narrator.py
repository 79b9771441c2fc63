"""What the demo prints: coloured on a terminal, plain text anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, final

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH: Final = 120
SHOWN_ROWS: Final = 4


@final
class Narrator:
    """Tells the tour step by step, and counts what came out right and wrong."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = PLAIN_WIDTH
        self.right = 0
        self.wrong: list[str] = []

    def title(self, text: str) -> None:
        """A part of the story begins."""
        self._console.print()
        self._console.print(Text(text, style="bold underline"))

    def say(self, text: str, style: str = "") -> None:
        """A line of explanation."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def asked(self, who: str, statement: str) -> None:
        """Somebody sends a statement or a command."""
        self._console.print()
        self._console.print(Text.assemble((f"{who}> ", "bold cyan"), (statement, "bold")), soft_wrap=True)

    def rows(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """What came back; only the first rows of many."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in columns:
            table.add_column(column, no_wrap=True, overflow="ellipsis")
        for row in rows[:SHOWN_ROWS]:
            table.add_row(*(Text("NULL", "dim") if value is None else Text(str(value)) for value in row))
        self._console.print(table)
        if len(rows) > SHOWN_ROWS:
            self.say(f"... {len(rows)} rows", "dim")

    def refused(self, sqlstate: str, message: str, detail: str = "", hint: str = "") -> None:
        """An error came back."""
        self.say(f"ERROR {sqlstate}: {message}", "red")
        # The last line of a DETAIL may be a JSON object, which is for programs.
        lines = [line for line in detail.splitlines() if not line.startswith("{")]
        for name, text in (("DETAIL", " ".join(lines)), ("HINT", hint)):
            if text:
                self.say(f"{name}: {text}", "dim red" if name == "DETAIL" else "yellow")

    def notice(self, text: str) -> None:
        """The server side said something meanwhile."""
        self.say("NOTICE: " + "\n        ".join(text.splitlines()), "yellow")

    def decided(self, who: str, what: str) -> None:
        """A person did something."""
        self.say(f"{who}: {what}", "magenta")

    def check(self, text: str, problems: Iterable[str] = ()) -> None:
        """`text` is what should be; `problems` are why it is not. None means it came out right."""
        found = list(problems)
        if not found:
            self.right += 1
            self.say(f"  right: {text}", "green")
        for problem in found:
            self.wrong.append(f"{text}: {problem}")
            self.say(f"  WRONG: {text}: {problem}", "bold red")
