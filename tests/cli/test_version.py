"""Both ways to ask for the version."""

from __future__ import annotations

import json
import re

from pgmaskproxy import __version__
from pgmaskproxy.build_info import compiled
from tests.cli.conftest import Invoke


def test_version(invoke: Invoke) -> None:
    how = "compiled" if compiled() else "interpreted"
    line = invoke("--version").stdout
    assert re.fullmatch(rf"pgmaskproxy {re.escape(__version__)} \({how}, Python 3\.\d+\.\S+, \S+ \S+\)\n", line)
    assert invoke("version").stdout == line
    data = json.loads(invoke("version", "--format", "json").stdout)
    assert (data["version"], data["compiled"]) == (__version__, compiled())
