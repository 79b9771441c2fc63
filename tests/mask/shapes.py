"""Result shapes and rows for the tests of the mask package, with strategies for them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from pgmaskproxy.mask.maskers import masker
from pgmaskproxy.model import NULL_MASK, Mask, Visibility
from pgmaskproxy.wire.backend import DataRow, Field

TABLE = 16384
OTHER_TABLE = 16385
UNKNOWN_TABLE = 99999
TEXT = 25
INT4 = 23

REDACT = Mask("redact", "pii")
PARTIAL = Mask("partial", "pii", (("first", 1), ("last", 2), ("min_hidden", 1)))
EMAIL = Mask("email", "pii")
NULL = Mask("null", "pii")

Row = tuple[bytes | None, ...]


def field(number: int, *, table: int = TABLE, type_oid: int = TEXT, format_code: int = 0) -> Field:
    return Field(f"c{number}".encode(), table, number, type_oid, -1, -1, format_code)


def visibility(masks: dict[int, Mask] | None = None) -> Visibility:
    """What the server's references mean: `masks` by column number of TABLE."""
    return Visibility(
        frozenset({TABLE, OTHER_TABLE}), {(TABLE, number): mask for number, mask in (masks or {}).items()}
    )


@dataclass(frozen=True)
class Shape:
    """Columns of TABLE numbered from 1, and the mask of each on which both witnesses agree."""

    masks: tuple[Mask | None, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(field(number) for number in range(1, len(self.masks) + 1))

    @property
    def visibility(self) -> Visibility:
        return visibility({number: mask for number, mask in enumerate(self.masks, 1) if mask is not None})

    def expected(self, row: Row) -> Row:
        """`row` as it must come out, by the maskers alone."""
        return tuple(
            value if value is None or mask is None else masker(mask).mask(value)
            for value, mask in zip(row, self.masks, strict=True)
        )

    def masked_cells(self, row: Row) -> int:
        pairs = zip(row, self.masks, strict=True)
        return sum(1 for value, mask in pairs if value is not None and mask is not None)


def data_rows(rows: list[Row]) -> bytes:
    return b"".join(DataRow(row).encode() for row in rows)


masks = st.sampled_from([None, NULL, REDACT, PARTIAL, EMAIL, NULL_MASK])
shapes = st.lists(masks, max_size=6).map(lambda each: Shape(tuple(each)))
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
awkward = st.text("a\\\t\n\r\b\f\vN.x@é\U0001f600", max_size=12)
values = st.one_of(st.none(), st.one_of(texts, awkward).map(lambda text: text.encode("utf-8")))
raw_values = st.one_of(values, st.binary(max_size=12))


def rows_of(shape: Shape, cells: st.SearchStrategy[bytes | None]) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.tuples(*[cells] * len(shape.masks)), max_size=5)
