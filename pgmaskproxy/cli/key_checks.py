"""`check`'s part about keys: whether they can be read, and whether every mask of the policy has the one it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pgmaskproxy.config import Config
from pgmaskproxy.errors import ConfigError, Problem
from pgmaskproxy.keyring.source import Source, read_keys
from pgmaskproxy.policy.keys import missing_keys, needed_keys
from pgmaskproxy.policy.rules import Policy

Level = Literal["ok", "warning", "error"]


def key_findings(
    config: Config, policy: Policy | None, environ: Mapping[str, str], *, offline: bool
) -> Iterator[tuple[Level, Problem]]:
    """What is right and wrong; `policy` is None where it cannot be read. Raises Unavailable where the command for the
    keys fails; `offline` does not run it."""
    source = Source(config.keys)
    if offline and source.kind == "command":
        yield "ok", Problem(f"{source} is not run with --offline")
        return
    try:
        document = read_keys(config.keys, environ)
    except ConfigError as error:
        yield from (("error", problem) for problem in error.problems)
        return
    missing = missing_keys(policy, document.names()) if policy is not None else ()
    yield from (("error", problem) for problem in missing)
    if document.entries:
        yield "ok", Problem(f"{source}: {', '.join(map(str, document.entries))}")
    elif policy is not None and not missing:
        yield "ok", Problem("none, and no mask needs one")
    if policy is None:
        return
    needed = {need.key for need in needed_keys(policy)}
    idle = [name for name in document.names() if name not in needed]
    if idle and needed:
        yield "ok", Problem(f"no mask names {', '.join(idle)}")
