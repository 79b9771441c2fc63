"""Rows of COPY that are written as they are: relayed as any other, or left to that."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from librt.strings import BytesWriter

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copy import relay_any
from pgmaskproxy.mask.copyplain import relay_plain
from pgmaskproxy.mask.plan import CopyPlan
from pgmaskproxy.model import CopyLayout
from tests.mask.copies import Copy, copies, plan, written
from tests.mask.shapes import EMAIL, NULL, PARTIAL, REDACT, Shape

TEXT, CSV = CopyLayout(), CopyLayout("csv", ",", "")


def plainly(row: bytes, bound: CopyPlan) -> tuple[int, bytes]:
    assert bound.rows is not None
    out = BytesWriter()
    out.write(b"before")
    masked = relay_plain(out, b"\t,begin" + row + b"end,\n", 7, 7 + len(row), bound, bound.rows)
    assert out.getvalue().startswith(b"before")
    return masked, out.getvalue()[6:]


def as_any_other(row: bytes, bound: CopyPlan) -> tuple[int, bytes]:
    assert bound.rows is not None
    out = BytesWriter()
    return relay_any(out, row, bound, bound.rows), out.getvalue()


def check(row: bytes, bound: CopyPlan) -> None:
    masked, out = plainly(row, bound)
    if masked < 0:
        assert out == b""
    else:
        assert (masked, out) == as_any_other(row, bound)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(copies())
def test_what_it_takes_it_relays_as_any_other(copy: Copy) -> None:
    if copy.layout.format != "binary":
        bound = plan(copy.shape, copy.layout)
        for row in written(copy.rows, len(copy.shape.masks), copy.layout)[int(copy.layout.header) :]:
            check(row, bound)


rows = st.one_of(
    st.binary(max_size=20), st.text("a*,;\t\r\n\\N.x\"'@", max_size=20).map(lambda text: f"{text}\n".encode())
)


@given(
    row=rows,
    masks=st.lists(st.sampled_from([None, NULL, REDACT, PARTIAL, EMAIL]), max_size=4),
    layout=st.sampled_from(
        [
            TEXT,
            CSV,
            CopyLayout("text", ",", "N"),
            CopyLayout("text", "\b", ""),
            CopyLayout("csv", ";", "\\N", False, "'", "\\", frozenset({"c1"})),
            CopyLayout("csv", "\t", "***"),
        ]
    ),
)
@example(b"a\tb\n", [None], TEXT)
@example(b"a\tb\n", [None, REDACT, None], TEXT)
@example(b"a\rb\n", [None], TEXT)
@example(b"a\t\n", [None], TEXT)
@example(b"\t\n", [], TEXT)
@example(b"a\nb\n", [REDACT], TEXT)
@example(b"a\\tb\n", [PARTIAL], TEXT)
@example(b"\\N\t\\N\n", [None, PARTIAL], TEXT)
@example(b"\\Na\n", [PARTIAL], TEXT)
@example(b"\\Nab\n", [None, None], TEXT)
@example(b"a\\tb\n", [PARTIAL, None], TEXT)
@example(b"\n", [], TEXT)
@example(b"\n", [PARTIAL], CSV)
@example(b"ab,\n", [None, EMAIL], CSV)
@example(b'"a",b\n', [None, REDACT], CSV)
@example(b"a", [REDACT], TEXT)
@example(b"", [REDACT], TEXT)
@example(b"secret\n", [PARTIAL], CopyLayout("csv", ",", "s***et"))
def test_whatever_comes_it_is_relayed_as_any_other_or_left_to_that(
    row: bytes, masks: list[object], layout: CopyLayout
) -> None:
    check(row, plan(Shape(tuple(masks)), layout))  # type: ignore[arg-type]


def test_it_takes_plain_rows_with_nulls_in_them() -> None:
    shape = Shape((None, EMAIL, REDACT, PARTIAL, NULL))
    assert plainly(b"1\tjane@post.example\tsecret\t\\N\tx\n", plan(shape, TEXT)) == (
        3,
        b"1\tj***@post.example\t***\t\\N\t\\N\n",
    )
    assert plainly(b"1,jane@post.example,secret,,x\n", plan(shape, CSV)) == (3, b"1,j***@post.example,***,,\n")
    assert plainly(b"1\t\\N\n", plan(Shape((None, None)), TEXT)) == (0, b"")


def test_what_is_shown_with_a_delimiter_in_it_is_left_to_others() -> None:
    layout = CopyLayout("csv", "*", "")
    row = b"secret*b\n"
    assert plainly(row, plan(Shape((PARTIAL, None)), layout)) == (-1, b"")
    assert as_any_other(row, plan(Shape((PARTIAL, None)), layout))[1].startswith(b'"s***et"*')


def test_what_has_to_be_quoted_is_left_to_others() -> None:
    layout = CopyLayout("csv", ",", "", False, '"', '"', frozenset({"c1"}))
    assert plainly(b"secret\n", plan(Shape((PARTIAL,)), layout)) == (-1, b"")


@pytest.mark.parametrize("row", [b"a\tb\tc\n", b"a\n", b"a\tb", b"a\nb\tc\n", b"a\tb\r\n"])
def test_what_is_wrong_others_say(row: bytes) -> None:
    bound = plan(Shape((None, REDACT)), TEXT)
    assert plainly(row, bound) == (-1, b"")
    with pytest.raises(PeerError):
        as_any_other(row, bound)


def test_a_null_that_a_value_may_look_like_is_a_value() -> None:
    assert plainly(b"secret\n", plan(Shape((PARTIAL,)), CopyLayout("text", ",", "secret"))) == (1, b"s***et\n")
