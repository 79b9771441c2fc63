"""Why a connection is ended by us, in the words that the client and the log get; and how long things may take."""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import Refusal

CLIENT_LEFT: Final = "the client left"
CANCEL_REQUEST: Final = "cancel request"
"""Why a session of no consequence ended, in the session's own words."""
READ_AHEAD_BYTES: Final = 1 << 20
"""What a client may send behind a message that is being handled before we stop reading from it."""
LINGER_SECONDS: Final = 5.0
"""How long a peer may take to read what was said last; then its connection is cut."""
REPLACED: Final = Refusal(
    "57P01", "terminating connection: the policy was replaced", hint="Connect again: another policy is in force."
)
IDLE: Final = Refusal("57P05", "terminating connection due to idle-session timeout")
IDLE_IN_TRANSACTION: Final = Refusal("25P03", "terminating connection due to idle-in-transaction timeout")
