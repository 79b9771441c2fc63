"""The events that tell every session alike of what has changed around it: policy, catalog, canaries, keys.

They answer nothing, and come at any time. `events` has them too, with all the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from pgmaskproxy.mask.canary import Watch
from pgmaskproxy.mask.keys import Keyring
from pgmaskproxy.mask.maskers import NO_CUSTOMS, Customs


@final
@dataclass(slots=True)
class EpochMoved:
    """Policy or catalog changed: rulings of an earlier epoch are judged again before they are used."""

    epoch: int


@final
@dataclass(slots=True)
class WatchFor:
    """From now on these values are looked for in what is sent to the client, and no others; None: nothing is."""

    watch: Watch | None


@final
@dataclass(slots=True)
class UseKeys:
    """From now on masks are made with these keys, and tokens read with them; and with these functions of the operator's
    own."""

    keys: Keyring
    customs: Customs = field(default_factory=lambda: NO_CUSTOMS)


@final
@dataclass(slots=True)
class DefinitionsDoubted:
    """The catalog may have changed, and is being read again: nothing that was decided before is used unasked."""
