"""Which of the three places the keys come from, and what is read there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from pgmaskproxy.config_keys import DEFAULT_FILE, Keys
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.keyring.command import run_command
from pgmaskproxy.keyring.document import NO_DOCUMENT, Document, read_document
from pgmaskproxy.keyring.file import read_file


@final
@dataclass(frozen=True, slots=True)
class Text:
    """What was read: secrets, so that no repr shows it."""

    place: str
    """A path, `$NAME` or `command`: for errors, with a line."""
    text: str = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class Source:
    """A place that keys come from."""

    keys: Keys

    @property
    def file(self) -> Path | None:
        """The file that they are in, or would be made in; None where a variable or a command has them."""
        said = self.keys.masking
        return self.keys.directory / DEFAULT_FILE if said is None else said.file

    def __str__(self) -> str:
        said = self.keys.masking
        if said is not None and said.env is not None:
            return f"the variable {said.env}"
        if said is not None and said.command is not None:
            return f"the command {Path(said.command[0]).name}"
        return str(self.file)

    @property
    def kind(self) -> str:
        """file, env or command."""
        said = self.keys.masking
        if said is None or said.file is not None:
            return "file"
        return "env" if said.env is not None else "command"

    def read(self, environ: Mapping[str, str]) -> Text | None:
        """What is there now; None where nothing is said and the default file is not there. Raises ConfigError, or
        Unavailable where a command fails. Blocks: a command may take its time."""
        said = self.keys.masking
        if said is None:
            path = self.keys.directory / DEFAULT_FILE
            return Text(str(path), read_file(path)) if _is_there(path) else None
        if said.env is not None:
            if said.env not in environ:
                raise ConfigError([Problem(f"keys.masking.env: the environment has no {said.env}")])
            return Text(f"${said.env}", environ[said.env])
        if said.command is not None:
            return Text("command", run_command(said.command, said.seconds, said.cwd, environ))
        assert said.file is not None
        return Text(str(said.file), read_file(said.file))


def read_keys(keys: Keys, environ: Mapping[str, str]) -> Document:
    """Every key there is; none where nothing is said and the default file is not there. Raises as `Source.read`, and
    ConfigError for what is no keyring. Blocks."""
    found = Source(keys).read(environ)
    return NO_DOCUMENT if found is None else read_document(found.place, found.text)


def _is_there(path: Path) -> bool:
    """Also what cannot be looked at counts: that there are no keys must be known, not guessed."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    return True
