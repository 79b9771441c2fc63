"""What the numbers were measured under."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from pathlib import Path

from bench.builds import CHECKOUT
from bench.database import Database
from bench.workloads import Form


def conditions(form: Form, database: Database, *, compiled: bool, version: str) -> dict[str, str]:
    """In words, by what they are about."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    settings = ", ".join(f"{name} {value}" for name, value in database.settings.items())
    return {
        "when": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "form": f"{form.name}: {form.rounds} rounds of {form.seconds:g} s, lanes in turn; {form.rows:,} rows",
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores shared by clients, proxy and server",
        "load before": load,
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "pgmaskproxy": f"{version}{_commit()}, {'compiled' if compiled else 'interpreted'}",
        "server": f"PostgreSQL {database.server.version}, fsync off, {settings}",
    }


def load() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return f" ({done.stdout.strip()})" if done.returncode == 0 else ""
