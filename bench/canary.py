"""Bytes a second that are looked through for canaries: interpreted from the checkout, and as it is installed.

Run by `make bench ARGS=canary`. Measures, and asserts nothing.
"""

from __future__ import annotations

import random
import sys
import time

from bench.builds import in_both

SIZES = (100, 256 * 1024)
COUNTS = (1, 10, 100)


def measure(seconds: float) -> None:
    """Print one line for each number of canaries and size of write, for the module that this process imports."""
    from pgmaskproxy.mask import canary  # noqa: PLC0415 - which one depends on the process

    build = "interpreted" if canary.__file__.endswith(".py") else "compiled"
    draw = random.Random(1)
    text = bytes(draw.choices(b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789 ,.-@\n\0", k=max(SIZES)))
    for count in COUNTS:
        watcher = canary.Watcher(canary.Watch((str(number), _value(draw, number)) for number in range(count)))
        for size in SIZES:
            best = float("inf")
            data = text[:size]
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                begun = time.perf_counter()
                found = watcher.scan(data)
                best = min(best, time.perf_counter() - begun)
                assert not found
            rate = size / best / 1e9
            print(f"{build:<12} {count:>4} canaries, writes of {size:>7} bytes: {rate:8.3f} GB/s", flush=True)


def _value(draw: random.Random, number: int) -> str:
    kinds = (
        f"9{draw.randrange(100):02}-{draw.randrange(10, 50)}-{draw.randrange(10000):04}",
        f"mara.{draw.getrandbits(48):010x}@post.example",
        f"9999{draw.randrange(10**12):012}",
    )
    return kinds[number % len(kinds)]


if __name__ == "__main__":
    sys.exit(in_both("bench.canary", __doc__, measure, 0.5))
