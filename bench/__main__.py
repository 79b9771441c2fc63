"""`python -m bench`: the table. `python -m bench kernel ...`: one of the programs that look at a part of it."""

from __future__ import annotations

import argparse
import runpy
import sys

from bench.table import add_arguments, run

PARTS = ("kernel", "masks", "canary", "statements", "rows_by_kind")


def main() -> int:
    """The exit code: 1 where something did not work, whatever the numbers are."""
    if len(sys.argv) > 1 and sys.argv[1] in PARTS:
        name = sys.argv.pop(1)
        runpy.run_module(f"bench.{name}", run_name="__main__")
        return 0
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=f"Parts, each with its own --help: {', '.join(PARTS)}.",
    )
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
