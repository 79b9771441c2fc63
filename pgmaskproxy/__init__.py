"""pgmaskproxy: AI agents on production PostgreSQL, with masks, human approval and evidence.

A client's bytes become frames and messages (`wire`), messages drive a `session`, which asks to
have each statement read (`sql`) and decided (`policy`), held for a human where policy says so
(`approval`, told through `channels`), and written down first (`audit`, `store`). Rows come back
through `mask`. `proxy` is the asyncio shell around it, `web` the page and the REST interface.
"""

from __future__ import annotations

__version__ = "0.1.0"
