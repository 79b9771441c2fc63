"""`pgmaskproxy demo`: an embedded PostgreSQL, a small shop in it, and a scripted agent.

`server` starts and removes a throwaway PostgreSQL (`binaries` finds its programs, `supervise` is
the small process that outlives us long enough to clean up), and `shop` fills it and knows every
value that must never reach an agent.
"""

from __future__ import annotations
