"""What a worker is told before it begins: the settings and files that are in force, whatever the disk says now.

It goes through a pipe that nobody else can open, since settings hold passwords; never over the line, in an argument, in
the environment or in a file. Keys are not in it: each worker reads them where they are kept.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from pydantic import BaseModel, SecretStr

import pgmaskproxy
from pgmaskproxy.config import Config
from pgmaskproxy.errors import InternalError
from pgmaskproxy.proxy.reading import Texts
from pgmaskproxy.workers.line import VERSION


@final
@dataclass(frozen=True, slots=True)
class Logging:
    """How log lines look, and from which level on; as `logs.configure` takes them."""

    style: str = "auto"
    level: str = "info"


@final
@dataclass(frozen=True, slots=True)
class Brief:
    """See the module. The descriptors are inherited."""

    number: int
    port: int
    """Where the proxy listens: where settings say 0, what that came to."""
    web_port: int
    line: int
    """The worker's end of the socket pair."""
    crowd: int
    """Memory that all share."""
    by_file: int | None
    """The Unix socket that is listened on."""
    claim: int
    """The lock on the state: nobody else may start while a worker is there, though its parent is gone."""
    mock_secret: bytes = field(repr=False)
    """The same for all: who tries to log in as nobody meets the same nobody everywhere."""
    config: Config = field(repr=False)
    texts: Texts = field(repr=False)
    logging: Logging = field(default_factory=Logging)

    def encode(self) -> bytes:
        """As it goes through the pipe."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _NUMBERS}
        plain |= {
            "version": [VERSION, pgmaskproxy.__version__],
            "mock_secret": base64.b64encode(self.mock_secret).decode(),
            "config": _plain(self.config),
            "policies": self.texts.policies,
            "principals": self.texts.principals,
            "logging": [self.logging.style, self.logging.level],
        }
        return json.dumps(plain).encode()

    @classmethod
    def decode(cls, data: bytes) -> Brief:
        """Raises InternalError where another version of the program wrote it: it was replaced on the disk meanwhile."""
        plain = json.loads(data)
        if plain["version"] != [VERSION, pgmaskproxy.__version__]:
            raise InternalError(f"this worker is of version {pgmaskproxy.__version__}, its proxy is not: restart that")
        return cls(
            **{name: plain[name] for name in _NUMBERS},
            mock_secret=base64.b64decode(plain["mock_secret"]),
            config=Config.model_validate(plain["config"]),
            texts=Texts(tuple((name, text) for name, text in plain["policies"]), plain["principals"]),
            logging=Logging(*plain["logging"]),
        )


_NUMBERS = ("number", "port", "web_port", "line", "crowd", "by_file", "claim")


def _plain(value: object) -> Any:
    """A setting as JSON has it, with what is secret in it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
