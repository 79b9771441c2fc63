"""The configuration a command works with: `-c`, the environment, `--set`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.config import Config, find_config, load_config, policy_files
from pgmaskproxy.errors import ConfigError
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.rules import Policy


def configured(path: Path | None, settings: Sequence[str] = ()) -> Config:
    """The configuration in `path` or where it is looked for, with `settings` (`limits.connections=10`) over it.

    Raises ConfigError with every problem; Failure (78) when there is no configuration at all.
    """
    try:
        return load_config(path, os.environ, dict(_override(setting) for setting in settings))
    except ConfigError:
        if path is None and find_config(os.environ) is None and not os.environ.get("PGMASKPROXY_UPSTREAM__USER"):
            raise Failure(
                Exit.CONFIG,
                "there is no configuration file",
                where="./pgmaskproxy.yaml, the user's configuration directory, /etc/pgmaskproxy/config.yaml",
                next_step="name it with -c or PGMASKPROXY_CONFIG; `pgmaskproxy demo` needs none",
            ) from None
        raise


def _override(setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not key or not equals:
        raise Failure(
            Exit.USAGE, f"--set wants NAME=VALUE, not {setting!r}", next_step="for example --set listen.port=6433"
        )
    return key, value


def configured_policy(config: Config) -> Policy:
    """The policy of `config`. ConfigError with every problem of every file."""
    return load_policies(policy_files(config), kinds())
