"""Write the matrix into docs/conformance.md: `python -m tests.drivers.table CELLS`, the file that DRIVER_MATRIX named.

Exits with 1 where a cell has failed, so that `make conformance` does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.drivers.matrix import FAILED, Outcome, placed, rendered

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "conformance.md"


def main(cells: str) -> int:
    """0 when no cell has failed."""
    outcomes = [Outcome.read(line) for line in Path(cells).read_text(encoding="utf-8").splitlines()]
    DOCUMENT.write_text(placed(DOCUMENT.read_text(encoding="utf-8"), rendered(outcomes)), encoding="utf-8")
    failed = [each.cell for each in outcomes if each.outcome == FAILED]
    for cell in failed:
        print(f"failed: {cell.driver} {cell.version}, {cell.task}, PostgreSQL {cell.server}", file=sys.stderr)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
