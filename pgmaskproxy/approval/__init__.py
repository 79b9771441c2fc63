"""Asking people: what is asked, who may answer, and what an answer changes.

`request`, `duty`, `events`, `notification` and `refusals` are the pure core; `broker` joins it to
a store, an audit log and the clock.
"""

from __future__ import annotations
