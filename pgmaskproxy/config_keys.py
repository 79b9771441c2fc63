"""The settings of the proxy's own keys: where they are kept, and where those of masks come from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Final, LiteralString, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pgmaskproxy.config_types import FilePath, Seconds, Section

DEFAULT_FILE: Final = "masking.keys"
"""In `keys.directory`, where nothing else is said."""
LONGEST_SECONDS: Final = 60.0
ONE: Final[LiteralString] = "must be a mapping with one of file, env and command, like {{file: masking.keys}}"


def _words(value: object) -> object:
    """A command in a variable is split as a shell would, and nothing more: no shell ever sees it."""
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError:
            raise PydanticCustomError("words", "has a quote that does not end") from None
    return value


def _bounded(value: float) -> float:
    # A reload waits for it, and so does the end of the process.
    if value > LONGEST_SECONDS:
        raise PydanticCustomError("seconds", "must be at most 60s")
    return value


Words = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(min_length=1),
    BeforeValidator(_words, json_schema_input_type=list[str] | str),
]


class KeySource(Section):
    """Where the keys of masks come from: one of `file`, `env` and `command` ([keys](keys.md)).

    They are read at start and at every reload. Without it they are in `masking.keys` in `keys.directory`, if that is
    there.
    """

    file: FilePath | None = Field(default=None, description="The file that `pgmaskproxy key` writes.")
    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = Field(
        default=None, description="The variable that holds what would be in the file."
    )
    command: Words | None = Field(
        default=None,
        description="A program, and its arguments, that prints what would be in the file. It is run without a shell.",
    )
    seconds: Annotated[Seconds, AfterValidator(_bounded)] = Field(
        default=10.0, description="The command's time, at most 60s."
    )
    cwd: FilePath = Field(default=Path(), description="Where the command is run.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.file, self.env, self.command)) != 1:
            raise PydanticCustomError("source", ONE)
        idle = sorted(self.model_fields_set & {"seconds", "cwd"})
        if self.command is None and idle:
            raise PydanticCustomError("source", "{idle} is about a command, and there is none", {"idle": idle[0]})
        return self


def _source(value: object) -> object:
    # A whole keyring may have been given here by mistake; pydantic's own words would be about a dictionary.
    if value is not None and not isinstance(value, dict | KeySource):
        raise PydanticCustomError("source", ONE)
    return value


class Keys(Section):
    """The proxy's own keys."""

    directory: FilePath = Field(description="Where they are kept.")
    masking: Annotated[KeySource | None, BeforeValidator(_source)] = Field(
        default=None, description="Where those of masks come from; else masking.keys in the directory, if it is there."
    )
