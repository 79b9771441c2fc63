from __future__ import annotations

import pytest

from pgmaskproxy.errors import InternalError, SealedError
from pgmaskproxy.mask.copy import CopyStream
from pgmaskproxy.mask.kernel import relay
from pgmaskproxy.mask.plan import SEALED, SEALED_COPY, bind_copy, bind_plan
from pgmaskproxy.model import NULL_MASK, CopyLayout, Mask, Visibility
from pgmaskproxy.wire.backend import DataRow, Field
from pgmaskproxy.wire.copy import CopyData
from tests.mask.shapes import (
    EMAIL,
    INT4,
    NULL,
    OTHER_TABLE,
    PARTIAL,
    REDACT,
    TABLE,
    TEXT,
    UNKNOWN_TABLE,
    field,
    visibility,
)

REDACT_OTHER = Mask("redact", "other")
REDACT_WORDS = Mask("redact", "pii", (("text", "hidden"),))
SILENT = field(0, table=0)
UNKNOWN = field(1, table=UNKNOWN_TABLE)
CLEAR = field(1)

# Every text witness against every server witness: what is shown, and whether they contradict each other.
# The server's word is a mask, or the field it describes where it names none.
WITNESSES: dict[tuple[Mask | None, Mask | str], tuple[Mask | None, int]] = {
    (None, "silent"): (None, 0),
    (None, "unknown"): (NULL_MASK, 0),
    (None, "clear"): (None, 0),
    (None, REDACT): (NULL_MASK, 1),
    (None, PARTIAL): (NULL_MASK, 1),
    (None, NULL): (NULL_MASK, 1),
    (None, REDACT_OTHER): (NULL_MASK, 1),
    (None, REDACT_WORDS): (NULL_MASK, 1),
    (REDACT, "silent"): (REDACT, 0),
    (REDACT, "unknown"): (NULL_MASK, 0),
    (REDACT, "clear"): (NULL_MASK, 1),
    (REDACT, REDACT): (REDACT, 0),
    (REDACT, PARTIAL): (REDACT, 1),
    (REDACT, NULL): (NULL, 1),
    (REDACT, REDACT_OTHER): (NULL_MASK, 1),
    (REDACT, REDACT_WORDS): (NULL_MASK, 1),
    (PARTIAL, "silent"): (PARTIAL, 0),
    (PARTIAL, "unknown"): (NULL_MASK, 0),
    (PARTIAL, "clear"): (NULL_MASK, 1),
    (PARTIAL, REDACT): (REDACT, 1),
    (PARTIAL, PARTIAL): (PARTIAL, 0),
    (PARTIAL, NULL): (NULL, 1),
    (PARTIAL, REDACT_OTHER): (NULL_MASK, 1),
    (PARTIAL, REDACT_WORDS): (REDACT_WORDS, 1),
    (NULL, "silent"): (NULL, 0),
    (NULL, "unknown"): (NULL_MASK, 0),
    (NULL, "clear"): (NULL_MASK, 1),
    (NULL, REDACT): (NULL, 1),
    (NULL, PARTIAL): (NULL, 1),
    (NULL, NULL): (NULL, 0),
    (NULL, REDACT_OTHER): (NULL_MASK, 1),
    (NULL, REDACT_WORDS): (NULL, 1),
    # The text proved nothing (an opaque output): no contradiction, and nothing is shown.
    (NULL_MASK, "silent"): (NULL_MASK, 0),
    (NULL_MASK, "unknown"): (NULL_MASK, 0),
    (NULL_MASK, "clear"): (NULL_MASK, 0),
    (NULL_MASK, REDACT): (NULL_MASK, 0),
    (NULL_MASK, PARTIAL): (NULL_MASK, 0),
    (NULL_MASK, NULL): (NULL_MASK, 0),
    (NULL_MASK, REDACT_OTHER): (NULL_MASK, 0),
    (NULL_MASK, REDACT_WORDS): (NULL_MASK, 0),
}

# Where the text has no outputs of its own.
SERVER_ALONE: dict[Mask | str, Mask | None] = {
    "silent": NULL_MASK,
    "unknown": NULL_MASK,
    "clear": None,
    REDACT: REDACT,
    PARTIAL: PARTIAL,
    NULL: NULL,
    REDACT_OTHER: REDACT_OTHER,
}


def server_says(word: Mask | str) -> tuple[Field, Visibility]:
    if isinstance(word, Mask):
        return field(1), visibility({1: word})
    return {"silent": SILENT, "unknown": UNKNOWN, "clear": CLEAR}[word], visibility()


def test_the_table_is_the_whole_product_of_both_witnesses() -> None:
    texts = {text for text, _ in WITNESSES}
    servers = {server for _, server in WITNESSES}
    assert set(WITNESSES) == {(text, server) for text in texts for server in servers}


@pytest.mark.parametrize(("text", "server"), WITNESSES)
def test_two_witnesses(text: Mask | None, server: Mask | str) -> None:
    described, catalog = server_says(server)
    shown, conflicts = WITNESSES[text, server]
    bound = bind_plan([described], (text,), catalog)
    assert bound.shown == (shown,)
    assert bound.conflicts == conflicts
    assert bound.unknown == ((UNKNOWN_TABLE,) if server == "unknown" else ())
    assert bound.plan.masked == (shown is not None)
    copy = bind_copy([described], (text,), catalog)
    assert (copy.shown, copy.conflicts, copy.unknown) == (bound.shown, bound.conflicts, bound.unknown)


@pytest.mark.parametrize("server", SERVER_ALONE)
def test_the_server_alone_where_the_text_has_no_outputs(server: Mask | str) -> None:
    described, catalog = server_says(server)
    bound = bind_plan([described], None, catalog)
    assert bound.shown == (SERVER_ALONE[server],)
    assert bound.conflicts == 0


def test_guard_a_column_that_only_the_server_names_is_not_shown() -> None:
    bound = bind_plan([field(1)], (None,), visibility({1: REDACT}))
    assert b"123-45-6789" not in relay(DataRow((b"123-45-6789",)).encode(), 0, bound.plan).out


def test_guard_a_column_that_only_the_text_names_is_not_shown() -> None:
    for described in (CLEAR, SILENT):
        bound = bind_plan([described], (REDACT,), visibility())
        assert b"123-45-6789" not in relay(DataRow((b"123-45-6789",)).encode(), 0, bound.plan).out


def test_the_witnesses_are_paired_by_ordinal() -> None:
    fields = [field(2), field(1), field(3, table=OTHER_TABLE)]
    bound = bind_plan(fields, (None, REDACT, None), visibility({1: REDACT, 3: NULL}))
    assert bound.shown == (None, REDACT, None)
    assert bound.conflicts == 0


def test_a_whole_row_reference_is_column_number_0_of_its_table() -> None:
    assert bind_plan([field(0)], (None,), visibility({0: NULL})).shown == (NULL_MASK,)
    assert bind_plan([field(0)], None, visibility({0: NULL})).shown == (NULL,)


def test_another_number_of_masks_than_fields_shows_nothing() -> None:
    for masks in ((), (None,), (None, None, None)):
        bound = bind_plan([field(1), UNKNOWN], masks, visibility())
        assert bound.shown == (NULL_MASK, NULL_MASK)
        assert bound.conflicts == max(2, len(masks))
        assert bound.unknown == (UNKNOWN_TABLE,)
    assert bind_plan([], (None,), visibility()).conflicts == 1


def test_unknown_relations_are_told_once_each_in_order() -> None:
    fields = [field(1, table=7), field(1, table=5), field(2, table=7), field(1)]
    assert bind_plan(fields, (None,) * 4, visibility()).unknown == (7, 5)


@pytest.mark.parametrize("mask", [REDACT, PARTIAL, EMAIL])
@pytest.mark.parametrize("format_code", [0, 1])
@pytest.mark.parametrize("type_oid", [25, 1043, 1042, 19, 705])
def test_text_like_types_carry_text_in_either_format(type_oid: int, format_code: int, mask: Mask) -> None:
    described = field(1, type_oid=type_oid, format_code=format_code)
    assert bind_plan([described], (mask,), visibility({1: mask})).shown == (mask,)


@pytest.mark.parametrize("mask", [REDACT, PARTIAL, EMAIL])
@pytest.mark.parametrize("format_code", [0, 1])
@pytest.mark.parametrize("type_oid", [INT4, 20, 1082, 1700, 2950, 1007, 600, 3904, 16400, 0])
def test_every_other_type_shows_null(type_oid: int, format_code: int, mask: Mask) -> None:
    described = field(1, type_oid=type_oid, format_code=format_code)
    bound = bind_plan([described], (mask,), visibility({1: mask}))
    assert bound.shown == (Mask("null", "pii"),)
    assert relay(DataRow((b"\0\0\0\1",)).encode(), 0, bound.plan).out == DataRow((None,)).encode()
    assert bind_copy([described], (mask,), visibility({1: mask})).shown == (Mask("null", "pii"),)


def test_a_format_that_does_not_exist_shows_null() -> None:
    bound = bind_plan([field(1, format_code=2)], (REDACT,), visibility({1: REDACT}))
    assert bound.shown == (Mask("null", "pii"),)


def test_copy_is_text_whatever_the_described_format() -> None:
    plan = bind_copy([field(1, type_oid=TEXT, format_code=1)], (REDACT,), visibility({1: REDACT}))
    assert plan.shown == (REDACT,)


def test_a_format_of_copy_that_nobody_reads_has_no_plan() -> None:
    with pytest.raises(InternalError):
        bind_copy([field(1)], (None,), visibility(), CopyLayout("parquet"))


def test_a_mask_of_a_kind_that_is_not_known_shows_null() -> None:
    strange = Mask("rot13", "pii")
    bound = bind_plan([field(1)], (strange,), visibility({1: strange}))
    assert relay(DataRow((b"secret",)).encode(), 0, bound.plan).out == DataRow((None,)).encode()


def test_sealed_raises_on_any_row_and_on_the_first_byte_of_one() -> None:
    for data in (DataRow(()).encode(), DataRow((b"x",)).encode(), b"D"):
        with pytest.raises(SealedError):
            relay(data, 0, SEALED)
    for data in (CopyData(b"\n").encode(), CopyData(b"x\n").encode(), b"d"):
        with pytest.raises(SealedError):
            CopyStream(SEALED_COPY).relay(data, 0)


def test_sealed_lets_other_frames_be() -> None:
    assert relay(b"Z\0\0\0\5I", 0, SEALED).end == 0
    assert relay(b"", 0, SEALED).end == 0
    assert CopyStream(SEALED_COPY).relay(b"c\0\0\0\4", 0).end == 0


def test_a_relation_that_is_known_in_another_epoch_only_is_unknown() -> None:
    catalog = Visibility(frozenset(), {(TABLE, 1): REDACT})
    bound = bind_plan([field(1)], (REDACT,), catalog)
    assert bound.shown == (NULL_MASK,)
    assert bound.unknown == (TABLE,)
