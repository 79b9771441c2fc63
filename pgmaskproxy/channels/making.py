"""Channels by their kind."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from pgmaskproxy.channels.channel import Channel
from pgmaskproxy.channels.teams import Teams
from pgmaskproxy.channels.teams_legacy import TeamsLegacy
from pgmaskproxy.channels.webhook import Webhook
from pgmaskproxy.errors import ConfigError, Problem

KINDS: Final = ("webhook", "teams", "teams-legacy")


def make_channel(kind: str, name: str, url: str, secret: str = "", *, groups: Collection[str] = ()) -> Channel:
    """The channel `name`. Raises ConfigError for whatever would keep it from telling anybody anything."""
    if kind == "webhook":
        return Webhook(name, url, [secret] if secret else (), time.time, groups=groups)
    if secret:
        hint = "the address of a flow is its own secret: keep that in a file, url: ${file:...}"
        raise ConfigError([Problem(f"channel {name}: kind {kind} takes no secret", hint=hint)])
    if kind == "teams":
        return Teams(name, url, groups=groups)
    if kind == "teams-legacy":
        return TeamsLegacy(name, url, groups=groups)
    raise ConfigError([Problem(f"channel {name}: there is no kind {kind}", hint=f"one of {', '.join(KINDS)}")])
