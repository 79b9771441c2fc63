"""`python -m pgmaskproxy.workers`: one worker. Its parent starts it; by hand it is of no use."""

from __future__ import annotations

import sys

from pgmaskproxy.workers.worker import main

if __name__ == "__main__":
    sys.exit(main())
