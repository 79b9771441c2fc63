"""Rows a second through the mask kernel: interpreted from the checkout, and as it is installed.

Run by `python -m bench kernel`. Measures, and asserts nothing.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.builds import in_both

BUFFER = 256 * 1024


VALUES = (
    b"48151623",
    b"Jane Q. Doe",
    b"jane.doe@example.com",
    b"123-45-6789",
    b"Springfield",
    b"x" * 40,
    b"2024-01-01 00:00:00",
)
PROLOGUE = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def measure(seconds: float) -> None:
    """Print one line for each form and shape, for the kernel that this process imports."""
    from pgmaskproxy.build_info import compiled  # noqa: PLC0415 - which one depends on the process
    from pgmaskproxy.mask.copy import CopyStream  # noqa: PLC0415
    from pgmaskproxy.mask.kernel import relay  # noqa: PLC0415
    from pgmaskproxy.mask.plan import bind_copy, bind_plan  # noqa: PLC0415
    from pgmaskproxy.model import CopyLayout, Mask, Visibility  # noqa: PLC0415
    from pgmaskproxy.wire.backend import DataRow, Field  # noqa: PLC0415
    from pgmaskproxy.wire.copy import CopyData  # noqa: PLC0415

    redact, null = Mask("redact", "pii"), Mask("null", "pii")
    partial, email = Mask("partial", "pii", (("last", 4),)), Mask("email", "pii")
    shapes: dict[str, tuple[Mask | None, ...]] = {
        "nothing masked": (None,) * 7,
        "redact, redact, null": (None, null, redact, redact, None, None, None),
        "email, partial": (None, None, email, partial, None, None, None),
    }
    csv = CopyLayout("csv", ",", "")
    tuple_ = (7).to_bytes(2, "big") + b"".join(len(value).to_bytes(4, "big") + value for value in VALUES)
    copies = {
        "text": (CopyLayout(), b"\t".join(VALUES) + b"\n"),
        "csv": (csv, b",".join(VALUES) + b"\n"),
        "csv, quoted": (csv, b",".join(b'"' + value.replace(b" ", b'""') + b'"' for value in VALUES) + b"\n"),
        "binary": (CopyLayout("binary"), tuple_),
    }
    fields = [Field(b"column", 1, number, 25, -1, -1, 0) for number in range(1, 8)]
    rows = fill(DataRow(VALUES).encode())
    build = "compiled" if compiled() else "interpreted"
    alone: dict[str, float] = {}
    for name, masks in shapes.items():
        labelled = {(1, number): mask for number, mask in enumerate(masks, 1) if mask is not None}
        visibility = Visibility(frozenset({1}), labelled)
        run = functools.partial(relay, rows, 0, bind_plan(fields, masks, visibility).plan)
        report(f"{build:<12} DataRow           {name}", run, rows, seconds, alone.setdefault)
        for form, (layout, row) in copies.items():
            plan = bind_copy(fields, masks, visibility, layout)
            head = CopyData(PROLOGUE + row).encode() if form == "binary" else b""
            data = head + fill(CopyData(row).encode())
            report(
                f"{build:<12} COPY {form:<12} {name}",
                lambda plan=plan, data=data: CopyStream(plan).relay(data, 0),  # type: ignore[misc]
                data,
                seconds,
                alone.setdefault,
            )


def fill(row: bytes) -> bytes:
    """A read buffer full of `row`."""
    return row * (BUFFER // len(row))


def report(
    name: str, run: Callable[[], Any], data: bytes, seconds: float, first: Callable[[str, float], float]
) -> None:
    """Print the rate of the best of many passes: the others had company on the machine. Then how much longer it takes
    than the first of the same form, which masks nothing."""
    best = float("inf")
    rows = 0
    until = time.perf_counter() + seconds
    while rows == 0 or time.perf_counter() < until:
        begun = time.perf_counter()
        relayed = run()
        best = min(best, time.perf_counter() - begun)
        rows = relayed.rows
    ratio = best / rows / first(name[:30], best / rows)
    print(f"{name:<54} {rows / best:>13,.0f} rows/s {len(data) / best / 1e6:>9,.0f} MB/s {ratio:>7.1f} x", flush=True)


if __name__ == "__main__":
    sys.exit(in_both("bench.kernel", __doc__, measure, 1.0))
