"""Passwords: made at random, read from stdin, or asked for on a terminal only."""

from __future__ import annotations

import io

import pytest

from pgmaskproxy.cli import secret
from pgmaskproxy.cli.exits import Exit, Failure


def test_generated_ones_are_long_and_differ() -> None:
    made = {secret.generate() for _ in range(100)}
    assert len(made) == 100
    assert {len(each) for each in made} == {24}


@pytest.mark.parametrize(
    ("text", "password"), [("pw\n", "pw"), ("pw", "pw"), ("p w \r\nrest", "p w "), ("x" * 1024, "x" * 1024)]
)
def test_from_stdin(monkeypatch: pytest.MonkeyPatch, text: str, password: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text, newline=""))
    assert secret.from_stdin() == password


@pytest.mark.parametrize("text", ["", "\n", "x" * 1025])
def test_none_or_too_long(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    with pytest.raises(Failure) as caught:
        secret.from_stdin()
    assert caught.value.code is Exit.USAGE


def test_without_a_terminal_it_says_what_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("pw\n"))
    with pytest.raises(Failure, match="no terminal") as caught:
        secret.ask("Password", instead="do this")
    assert (caught.value.code, caught.value.next_step) == (Exit.USAGE, "do this")
