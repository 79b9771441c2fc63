"""psql plays our own SQL directly and through a transparent proxy, and prints the same."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conformance.regress_compare import hunks
from tests.conformance.transparent import Stage, bindir_of, transparent
from tests.harness.servers import DEBIAN_15

SCRIPT = Path(__file__).with_name("regress_own.sql")


def _printed(stage: Stage, *, proxied: bool) -> list[str]:
    stage.recreate("own")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **stage.environment("own", proxied=proxied)}
    ended = subprocess.run(
        [str(stage.server.bindir / "psql"), "-X", "-a", "-q", "-v", f"regress_own={SCRIPT}"],
        env=environment,
        input=SCRIPT.read_bytes(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    text = ended.stdout.decode()
    # Numbers of processes and of large objects are each server process's own.
    return re.sub(r"(PID |lo_import |loid = )\d+", r"\1N", text).splitlines()


@pytest.mark.parametrize("version", ["15", "18"])
def test_psql_prints_the_same_directly_and_through_the_proxy(version: str) -> None:
    if version == "15" and not DEBIAN_15.is_dir():
        pytest.skip("there is no PostgreSQL 15 of Debian's")
    with transparent(bindir_of(version), ["own"]) as stage:
        direct = _printed(stage, proxied=False)
        proxied = _printed(stage, proxied=True)
    assert any("imported" in line for line in direct)
    assert "\n\n".join(map(str, hunks(direct, proxied))) == ""
