"""What happened, provable later with nothing but the file.

`chain` and `events` are the pure core; `log` writes, `verify` checks offline, `tail` follows.
"""

from __future__ import annotations
