"""Rows a second through the mask kernel by kind of mask and type of column: interpreted from the checkout, and as it is
installed.

Each row has seven columns, of which one is masked; values differ from row to row. Run by `make bench`, or by hand with
an environment's python. Measures, and asserts nothing.
"""

from __future__ import annotations

import functools
import struct
import sys
import time
import uuid
from collections.abc import Callable

from bench.builds import in_both

ROWS = 2000
BESIDE = (b"48151623", b"Jane Q. Doe", b"Springfield", b"x" * 40, b"2024-01-01 00:00:00", b"t")

TEXT, BYTEA, INT4, INT8, FLOAT8, NUMERIC, DATE, TIMESTAMPTZ = 25, 17, 23, 20, 701, 1700, 1082, 1184
UUID, INET, JSONB, TEXTS = 2950, 869, 3802, 1009
NOTE = "Customer %d called about order %d and wants it by Friday; nothing else was said, and nothing was promised."
SLIP = "Customer %d called from +49 30 5550%03d, mail jane.%d@example.com, about an order that has not come yet."
DOCUMENT = '{"id": %d, "email": "jane.%d@example.com", "items": [{"sku": "A-%d", "n": 2}], "note": "as always"}'

Value = Callable[[int], bytes]


def _email(number: int) -> bytes:
    return b"jane.doe.%d@example.com" % number


def _numeric(number: int) -> bytes:
    return struct.pack(">HhHHHHH", 3, 1, 0, 2, number % 9999 + 1, number * 7 % 10000, 1200)


CASES: tuple[tuple[str, dict[str, object], str, int, int, Value], ...] = (
    ("null", {}, "text", TEXT, 0, _email),
    ("redact", {}, "text", TEXT, 0, _email),
    ("redact", {}, "text[]", TEXTS, 0, lambda number: b"{%s,%s}" % (_email(number), _email(number))),
    ("zero", {}, "numeric", NUMERIC, 1, _numeric),
    ("partial", {"last": 4}, "text", TEXT, 0, _email),
    ("email", {}, "text", TEXT, 0, _email),
    ("card", {}, "text", TEXT, 0, lambda number: b"4111 1111 1111 %04d" % (number % 10000)),
    ("phone", {}, "text", TEXT, 0, lambda number: b"+49 30 5550 %04d" % (number % 10000)),
    ("ip", {}, "text", TEXT, 0, lambda number: b"203.0.113.%d" % (number % 256)),
    ("ip", {}, "inet, binary", INET, 1, lambda number: b"\x02\x20\x00\x04" + struct.pack(">I", number * 9973)),
    ("hash", {}, "text", TEXT, 0, _email),
    ("hash", {}, "bigint", INT8, 0, lambda number: b"%d" % (number * 9973)),
    ("hash", {}, "bigint, binary", INT8, 1, lambda number: struct.pack(">q", number * 9973)),
    ("uuid", {}, "uuid, binary", UUID, 1, lambda number: uuid.UUID(int=number * 99991).bytes),
    ("token", {}, "text", TEXT, 0, _email),
    ("token", {}, "bytea, binary", BYTEA, 1, _email),
    ("generalize", {}, "text", TEXT, 0, _email),
    ("generalize", {}, "integer", INT4, 0, lambda number: b"%d" % number),
    ("generalize", {}, "numeric, binary", NUMERIC, 1, _numeric),
    ("generalize", {}, "date", DATE, 0, lambda number: b"19%02d-03-%02d" % (number % 100, number % 28 + 1)),
    ("generalize", {}, "timestamptz, binary", TIMESTAMPTZ, 1, lambda number: struct.pack(">q", number * 10**12)),
    ("scrub", {}, "text without a find", TEXT, 0, lambda number: (NOTE % (number, number * 7)).encode()),
    ("scrub", {}, "text with two finds", TEXT, 0, lambda number: (SLIP % (number, number % 1000, number)).encode()),
    ("json", {}, "jsonb", JSONB, 0, lambda number: (DOCUMENT % (number, number, number)).encode()),
    ("scrub", {}, "jsonb", JSONB, 0, lambda number: (DOCUMENT % (number, number, number)).encode()),
)


def measure(seconds: float) -> None:
    """Print one line for each case, for the kernel that this process imports."""
    from pgmaskproxy.build_info import compiled  # noqa: PLC0415 - which one depends on the process
    from pgmaskproxy.mask.kernel import relay  # noqa: PLC0415
    from pgmaskproxy.mask.keys import Key, Keyring  # noqa: PLC0415
    from pgmaskproxy.mask.plan import bind_plan  # noqa: PLC0415
    from pgmaskproxy.model import Mask, Visibility  # noqa: PLC0415
    from pgmaskproxy.wire.backend import DataRow, Field  # noqa: PLC0415

    keyring = Keyring([Key("masking", 1, bytes(range(32)))])
    build = "compiled" if compiled() else "interpreted"
    inner = (("$.email", Mask("email", "pii")), ("$.items[*].sku", Mask("redact", "pii")))
    for kind, given, name, type_oid, code, value in CASES:
        params = {"paths": inner} if kind == "json" else given
        mask = Mask(kind, "pii", tuple(sorted(params.items())))  # type: ignore[arg-type]
        rows = b"".join(DataRow((value(number), *BESIDE)).encode() for number in range(1, ROWS + 1))
        fields = [Field(b"c", 1, number, TEXT, -1, -1, 0) for number in range(2, 8)]
        fields = [Field(b"c", 1, 1, type_oid, -1, -1, code), *fields]
        seen = Visibility(frozenset({1}), {(1, 1): mask})
        plan = bind_plan(fields, (mask,) + (None,) * 6, seen, keyring).plan
        clear = bind_plan(fields, (None,) * 7, Visibility(frozenset({1}), {})).plan
        best = {shown: _best(functools.partial(relay, rows, 0, shown), seconds) for shown in (plan, clear)}
        cost = (best[plan] - best[clear]) / ROWS * 1e6
        print(
            f"{build:<12} {kind:<11} {name:<22} {ROWS / best[plan]:>12,.0f} rows/s {cost:>8.2f} us a value",
            flush=True,
        )


def _best(run: Callable[[], object], seconds: float) -> float:
    """Seconds of the best of many passes: the others had company on the machine."""
    best = float("inf")
    until = time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < until:
        begun = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begun)
    return best


if __name__ == "__main__":
    sys.exit(in_both("bench.masks", __doc__, measure, 0.5))
