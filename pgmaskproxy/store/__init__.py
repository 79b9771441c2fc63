"""State that outlives a process and is shared by replicas: requests, votes, tokens, the outbox.

`protocol` says what a store does; `sqlite` does it.
"""

from __future__ import annotations
