"""Writes the golden trees anew: `python -m tests.sql.attest.regenerate [BINDIR...]`.

Without arguments from PostgreSQL 18 (the wheel's) and 15 (Debian's); further versions by the directory of their
programs. What the trees say is written down by people, in cases/*.yaml.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pgmaskproxy.sql.attest.notice import at_parse
from tests.harness import servers
from tests.sql.attest.golden import GOLDEN, TOPICS, cases
from tests.sql.attest.server import create, session


def write(bindir: Path | None) -> None:
    """Every tree of one server."""
    server = servers.start(bindir)
    try:
        create(server)
        with session(server) as trees:
            for path in GOLDEN.glob(f"*.{trees.major}.*"):
                path.unlink()
            found = {str(oid): about for oid, about in sorted(trees.relations().items())}
            names = ",\n".join(f"{json.dumps(oid)}: {json.dumps(about)}" for oid, about in found.items())
            (GOLDEN / f"relations.{trees.major}.json").write_text(f"{{\n{names}\n}}\n", encoding="utf-8")
            for topic in TOPICS:
                for case in cases(topic):
                    if case.exists_on(trees.major):
                        tree = at_parse(trees.parse(case.sql)).own
                        case.path(trees.major).write_text(f"-- {case.sql}\n{tree}", encoding="utf-8")
    finally:
        server.stop()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    given: list[Path | None] = [Path(argument) for argument in sys.argv[1:]]
    for place in given or [None, servers.DEBIAN_15]:
        write(place)
