from __future__ import annotations

import io

from rich.console import Console

from pgmaskproxy.demo.narrator import Narrator


def _narrator(*, terminal: bool) -> tuple[Narrator, io.StringIO]:
    written = io.StringIO()
    environment = {"TERM": "xterm"}  # not ours: CI sets NO_COLOR
    console = Console(file=written, force_terminal=terminal, highlight=False, width=80, _environ=environment)
    return Narrator(console), written


def test_plain_text_where_there_is_no_terminal() -> None:
    tell, written = _narrator(terminal=False)
    tell.title("One")
    tell.asked("psycopg", "SELECT [bold]x[/bold] FROM " + "y" * 100)
    tell.rows(["a", "b"], [("***", None)])
    tell.refused("42501", "permission denied by policy", 'rule 1\n{"json": true}', "Do something else.")
    text = written.getvalue()
    assert "\x1b" not in text
    assert "psycopg> SELECT [bold]x[/bold] FROM " + "y" * 100 in text  # neither markup nor wrapped
    assert "***" in text
    assert "NULL" in text
    assert "DETAIL: rule 1\n" in text
    assert "json" not in text
    assert "HINT: Do something else." in text


def test_colour_on_a_terminal() -> None:
    tell, written = _narrator(terminal=True)
    tell.refused("42501", "no")
    assert "\x1b[31m" in written.getvalue()


def test_only_the_first_rows_of_many_are_shown() -> None:
    tell, written = _narrator(terminal=False)
    tell.rows(["n"], [(f"row{number}",) for number in range(100)])
    assert "row3" in written.getvalue()
    assert "row4" not in written.getvalue()
    assert "100 rows" in written.getvalue()


def test_checks_are_counted() -> None:
    tell, written = _narrator(terminal=False)
    tell.check("this is so")
    tell.check("that is so", ["it is not", "not at all"])
    assert tell.right == 1
    assert tell.wrong == ["that is so: it is not", "that is so: not at all"]
    assert "right: this is so" in written.getvalue()
    assert "WRONG: that is so: it is not" in written.getvalue()
