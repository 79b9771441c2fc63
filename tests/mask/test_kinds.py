from __future__ import annotations

import pytest

from pgmaskproxy.mask.kinds import KINDS, STRENGTH, kinds, strength, why_null
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import DataType, Mask, TypeKind


def test_the_order_of_strength_names_every_kind() -> None:
    assert set(STRENGTH) == set(kinds()) == set(KINDS)
    assert [strength(kind) for kind in STRENGTH] == list(range(len(STRENGTH)))
    assert strength("rot13") == strength("null")


def test_every_parameter_has_a_word_of_documentation_and_a_default_that_it_allows() -> None:
    for specs in kinds().values():
        for spec in specs.values():
            assert spec.doc.endswith(".")
            if not spec.required:
                assert isinstance(spec.default, spec.type)
                assert spec.problem(spec.default) == ""


@pytest.mark.parametrize(
    ("name", "fits"), [("masking", True), ("a-1_b", True), ("A", False), ("a b", False), ("", False)]
)
def test_a_key_has_a_name_that_a_keyring_can_have(name: str, fits: bool) -> None:
    assert (kinds()["hash"]["key"].problem(name) == "") is fits


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ("$.a", "must be a mapping of JSON path to mask"),
        ((), "must be a mapping of JSON path to mask"),
        ((("$.a", "redact"),), "must be a mapping of JSON path to mask"),
        ((("a", Mask("redact", "pii")),), "is wrong: a JSON path begins with $"),
        ((("$.a", Mask("json", "pii")),), 'cannot have the mask json at "$.a"'),
        ((("$.a", Mask("custom", "pii")),), 'cannot have the mask custom at "$.a"'),
        ((("$.a", Mask("redact", "pii")),), ""),
    ],
)
def test_paths_lead_to_masks_that_make_a_text_of_a_text(paths: object, expected: str) -> None:
    assert kinds()["json"]["paths"].problem(paths).startswith(expected)
    assert bool(kinds()["json"]["paths"].problem(paths)) == bool(expected)


@pytest.mark.parametrize(
    ("mask", "type_oid", "modifier", "expected"),
    [
        (Mask("null", "x"), 600, -1, ""),
        (Mask("rot13", "x"), 25, -1, "there is no mask rot13"),
        (Mask("partial", "x"), 23, -1, "partial has no value of type integer"),
        (Mask("token", "x"), 1043, 4 + 49, "token needs 50 characters, and the column has 49"),
        (Mask("token", "x"), 1043, 4 + 50, ""),
        (Mask("hash", "x"), 1042, 4 + 35, "hash needs 36 characters, and the column has 35"),
        (Mask("hash", "x", (("digits", 16),)), 1042, 4 + 20, ""),
        (Mask("uuid", "x"), 1043, 4 + 35, "uuid needs 36 characters, and the column has 35"),
        (Mask("partial", "x"), 1007, -1, "partial has no value of type integer"),
        (Mask("partial", "x"), 1009, -1, ""),
        (Mask("partial", "x"), 17000, -1, ""),
        (Mask("partial", "x"), 17001, -1, "partial has no value of type integer"),
        (Mask("zero", "x"), 600, -1, "zero has no value of type other"),
    ],
)
def test_why_a_mask_shows_null(mask: Mask, type_oid: int, modifier: int, expected: str) -> None:
    types = {
        17000: DataType(TypeKind.COMPOSITE, fields=((23, -1), (25, -1))),
        17001: DataType(TypeKind.COMPOSITE, fields=((23, -1),)),
    }
    assert why_null(mask, shape_of(type_oid, modifier, types)) == expected
