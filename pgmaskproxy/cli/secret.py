"""Passwords: asked for on a terminal, read from stdin, or made; never an argument, which every `ps` shows."""

from __future__ import annotations

import secrets
import sys

import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure

GENERATED_CHARACTERS = 24
LONGEST = 1024
"""Characters; longer than any password, shorter than a file piped in by mistake."""


def generate() -> str:
    """A random password of 24 characters of base64url: 144 bits."""
    return secrets.token_urlsafe(GENERATED_CHARACTERS * 6 // 8)


def from_stdin() -> str:
    """The first line of stdin. Raises Failure (2) when there is none, or it is too long."""
    line = sys.stdin.readline(LONGEST + 2).rstrip("\r\n")
    if not line or len(line) > LONGEST:
        raise Failure(Exit.USAGE, "no password on stdin" if not line else "the password on stdin is too long")
    return line


def ask(prompt: str, *, confirm: bool = False, instead: str) -> str:
    """Asks on the terminal; Failure (2) naming `instead` when there is none."""
    if not sys.stdin.isatty():
        raise Failure(Exit.USAGE, f"{prompt.lower()}: there is no terminal to ask on", next_step=instead)
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
