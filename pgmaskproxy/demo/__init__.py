"""`pgmaskproxy demo`: an embedded PostgreSQL, a small shop in it, and a scripted agent.

`server` starts and removes a throwaway PostgreSQL (`binaries` finds its programs, `supervise` is the
small process that outlives us long enough to clean up); `shop` fills it and knows every value that must
never reach an agent. `stage` writes an operator's files around it, `command` starts the proxy, and
`tour` has an `agent` ask and an `approver` decide while a `tap` keeps every byte and a `narrator` tells.
"""

from __future__ import annotations

from pathlib import Path


def run(
    *,
    tour: bool = False,
    yes: bool = False,
    pg_bindir: Path | str | None = None,
    upstream: str | None = None,
    port: int = 6432,
    web_port: int = 8432,
    metrics_port: int = 9432,
) -> int:
    """See `command.run`, which is imported only now: it needs the whole proxy, the server alone does not."""
    from pgmaskproxy.demo import command  # noqa: PLC0415

    return command.run(
        tour=tour,
        yes=yes,
        pg_bindir=pg_bindir,
        upstream=upstream,
        port=port,
        web_port=web_port,
        metrics_port=metrics_port,
    )
