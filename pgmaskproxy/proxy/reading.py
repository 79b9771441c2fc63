"""What the operator's files say now: policies, people and keys together, and every problem of all of them at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from pgmaskproxy.config import Config, policy_files, read_text
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.keyring.document import Document
from pgmaskproxy.keyring.source import read_keys
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy.keys import missing_keys
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.principals import Directory, load_principals
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.customs import Custom, load_customs


@final
@dataclass(frozen=True, slots=True)
class Texts:
    """The files as they were read: what several processes have to agree on."""

    policies: tuple[tuple[str, str], ...]
    """Names and texts."""
    principals: str = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal, of all of it."""
        return hashlib.sha256(json.dumps([self.policies, self.principals]).encode()).hexdigest()


def read_texts(config: Config) -> Texts:
    """Raises ConfigError."""
    return Texts(policy_files(config), read_text(config.principals))


@final
@dataclass(frozen=True, slots=True)
class Read:
    """What belongs together: a policy is not taken without the keys that it needs."""

    policy: Policy
    directory: Directory
    keys: Document
    customs: Mapping[str, Custom]


def read_all(config: Config, environ: Mapping[str, str], texts: Texts | None = None) -> Read:
    """Raises ConfigError with every problem, Unavailable where the command for the keys fails. Blocks: that command
    may take its time. With `texts`, policies and principals are those, whatever the files say now."""
    problems: list[Problem] = []
    policy: Policy | None = None
    directory: Directory | None = None
    keys: Document | None = None
    try:
        policy = load_policies(texts.policies if texts is not None else policy_files(config), kinds())
    except ConfigError as error:
        problems.extend(error.problems)
    try:
        people = texts.principals if texts is not None else read_text(config.principals)
        directory = load_principals(str(config.principals), people)
    except ConfigError as error:
        problems.extend(error.problems)
    try:
        keys = read_keys(config.keys, environ)
    except ConfigError as error:
        problems.extend(error.problems)
    customs: Mapping[str, Custom] = {}
    if policy is not None:
        customs, missing = load_customs(policy)
        problems.extend(missing)
    if policy is not None and keys is not None:
        problems.extend(missing_keys(policy, keys.names()))
    if policy is None or directory is None or keys is None or problems:
        raise ConfigError(problems)
    return Read(policy, directory, keys, customs)
