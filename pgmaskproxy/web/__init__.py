"""The REST interface for people, and the health listener for machines.

`app` puts it together, `identity` says which person a request comes from, `requests` lists and decides,
`tokens` issues and revokes, `guard` bounds what is read and stamps every answer, `problems` words
every error (RFC 9457), `health` answers Prometheus and the orchestrator, `server` runs it.
"""

from __future__ import annotations
