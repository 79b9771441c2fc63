"""Masked columns of any type for the tests of masks: what is shown of one value, in text or in binary format."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from hypothesis import strategies as st

from pgmaskproxy.mask.keys import Key, Keyring
from pgmaskproxy.mask.masker import Masker
from pgmaskproxy.mask.maskers import masker
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import DataType, Mask, MaskParam

RING = Keyring([Key("masking", 1, bytes(range(32)))])
OTHER_RING = Keyring([Key("masking", 1, bytes(32))])

TEXT, BINARY = 0, 1
BOOL, BYTEA, NAME, INT8, INT2, INT4, PLAIN, JSON, XML = 16, 17, 19, 20, 21, 23, 25, 114, 142
CIDR, FLOAT4, FLOAT8, MONEY, INET, BPCHAR, VARCHAR = 650, 700, 701, 790, 869, 1042, 1043
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ = 1082, 1083, 1114, 1184, 1186, 1266
NUMERIC, UUID, JSONB, TEXTS, INTS, VARCHARS, BYTEAS, POINT = 1700, 2950, 3802, 1009, 1007, 1015, 1001, 600
TYPES = (
    *(BOOL, BYTEA, NAME, INT8, INT2, INT4, PLAIN, JSON, XML, CIDR, FLOAT4, FLOAT8, MONEY, INET, BPCHAR, VARCHAR),
    *(DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ, NUMERIC, UUID, JSONB, TEXTS, INTS, VARCHARS, BYTEAS, POINT),
)

KINDS = (
    *("null", "redact", "zero", "hash", "uuid", "token", "generalize", "ip", "card", "phone", "email", "partial"),
    *("json", "scrub", "custom"),
)
PARAMS: Mapping[str, tuple[tuple[str, MaskParam], ...]] = {
    "partial": (("first", 1), ("last", 1), ("min_hidden", 1)),
    "json": (("paths", (("$.a", Mask("redact", "pii")), ("$..b", Mask("partial", "pii", (("last", 2),))))),),
    "custom": (("name", "reversed"),),
}
CUSTOMS = {"reversed": lambda text: text[::-1]}


def a_mask(kind: str, **params: MaskParam) -> Mask:
    """A mask of this kind: with these parameters, or with those that it needs."""
    return Mask(kind, "pii", tuple(sorted(params.items())) if params else PARAMS.get(kind, ()))


def column(
    mask: Mask,
    type_oid: int = PLAIN,
    code: int = TEXT,
    *,
    modifier: int = -1,
    types: Mapping[int, DataType] | None = None,
    ring: Keyring = RING,
) -> Masker:
    """The masker of a column."""
    return masker(mask, shape_of(type_oid, modifier, types or {}), code, ring, CUSTOMS)


def shown(kind: str, type_oid: int, value: bytes, code: int = TEXT, **params: MaskParam) -> bytes | None:
    """What is shown of one value."""
    return column(a_mask(kind, **params), type_oid, code).mask(value)


def array(oid: int, elements: list[bytes | None], *, dimensions: list[tuple[int, int]] | None = None) -> bytes:
    """array_send, of one dimension from 1 on where nothing is said."""
    sizes = dimensions if dimensions is not None else [(len(elements), 1)] if elements else []
    head = struct.pack(">iiI", len(sizes), int(None in elements), oid)
    return head + b"".join(struct.pack(">ii", *size) for size in sizes) + b"".join(map(cell, elements))


def record(fields: list[tuple[int, bytes | None]]) -> bytes:
    """record_send."""
    return struct.pack(">i", len(fields)) + b"".join(struct.pack(">I", oid) + cell(value) for oid, value in fields)


def cell(value: bytes | None) -> bytes:
    """A length and the bytes."""
    return b"\xff\xff\xff\xff" if value is None else struct.pack(">i", len(value)) + value


garbage = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=24).map(lambda body: struct.pack(">i", 1) + body),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", errors="surrogatepass")),
    st.text('{}[](),"\\=:-+.0123456789NUL aTB@%$', max_size=40).map(str.encode),
)
"""What no server writes, mostly; some of it nearly."""
