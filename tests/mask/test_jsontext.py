from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.jsontext import DEEPEST, NotJson, masked_json
from pgmaskproxy.mask.maskers import recognises
from pgmaskproxy.mask.scrub import Scrub
from pgmaskproxy.model import Mask
from tests.mask.columns import BINARY, JSON, JSONB, TEXT, a_mask, column
from tests.mask.shapes import texts

REDACT = Mask("redact", "pii")
LAST = Mask("partial", "pii", (("last", 2), ("min_hidden", 1)))

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd") | texts, inner),
    max_leaves=12,
)


def masked(value: str, paths: dict[str, Mask], code: int = TEXT, oid: int = JSON) -> str | None:
    found = column(a_mask("json", paths=tuple(paths.items())), oid, code).mask(value.encode("utf-8", "surrogatepass"))
    return None if found is None else found.decode("utf-8")


def model(value: Any) -> Any:
    """`$.a` and `$..b` redacted, by Python's own documents."""

    def deep(each: Any) -> Any:
        if isinstance(each, dict):
            return {name: hidden(inner) if name == "b" else deep(inner) for name, inner in each.items()}
        return [deep(inner) for inner in each] if isinstance(each, list) else each

    def hidden(each: Any) -> Any:
        return None if each is None else "***"

    if isinstance(value, dict):
        return deep({name: hidden(inner) if name == "a" else inner for name, inner in value.items()})
    return deep(value)


@given(value=documents, indent=st.none() | st.integers(0, 3), plain=st.booleans())
def test_what_the_paths_name_is_masked_and_every_other_value_is_as_it_was(
    value: Any, indent: int | None, plain: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    found = masked(text, {"$.a": REDACT, "$..b": REDACT})
    assert found is not None
    assert json.loads(found) == model(value)


@given(value=documents, indent=st.none() | st.integers(0, 3))
def test_every_byte_stays_where_no_path_leads(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert masked(text, {"$['no such member'][7]": REDACT}) == text


@pytest.mark.parametrize(
    ("value", "paths", "expected"),
    [
        ('{"a": 1.50, "c" :1e2 }', {"$.a": REDACT}, '{"a": "***", "c" :1e2 }'),
        ('{"a": "x", "a": "y"}', {"$.a": REDACT}, '{"a": "***", "a": "***"}'),
        (r'{"\u0061": "x", "\"a": 1}', {"$.a": REDACT}, r'{"\u0061": "***", "\"a": 1}'),
        (r'{"a\\": "x\"", "a": "y\\"}', {"$.a": REDACT}, r'{"a\\": "x\"", "a": "***"}'),
        ('{"a": {"b": [1, "]}"]}, "c": 2}', {"$.a": REDACT}, '{"a": "***", "c": 2}'),
        ('{"a": {"b": 1}, "c": 2}', {"$.a": LAST}, '{"a": "***", "c": 2}'),
        ('{"a": "secret42"}', {"$.a": LAST}, '{"a": "***42"}'),
        ('{"a": 123456}', {"$.a": LAST}, '{"a": "***56"}'),
        ('{"a": null, "b": true}', {"$.*": REDACT}, '{"a": null, "b": "***"}'),
        ('{"a": 1, "b": "x", "c": [1], "d": {}, "e": true}', {"$.*": Mask("zero", "pii")},
         '{"a": 0, "b": "", "c": [], "d": {}, "e": false}'),
        ('{"a": 1}', {"$.a": Mask("null", "pii")}, '{"a": null}'),
        ("[[1, 2], [3]]", {"$[*][0]": REDACT}, '[["***", 2], ["***"]]'),
        ("[1, 2]", {"$[1]": REDACT}, '[1, "***"]'),
        ('"whole"', {"$": REDACT}, '"***"'),
        (' {"a": {"b": {"b": 1}}} ', {"$..b": REDACT}, ' {"a": {"b": "***"}} '),
        ('{"a": "x"}', {"$.a": REDACT, "$.*": LAST}, '{"a": "***"}'),  # the first of them
        (r'{"a": "\ud800 secret"}', {"$.a": LAST}, '{"a": "***et"}'),
        (r'{"a": "secret \ud800"}', {"$.a": LAST}, '{"a": "***"}'),
        (r'{"a": "\ud83d\ude00 secret"}', {"$.a": LAST}, '{"a": "***et"}'),
    ],
)  # fmt: skip
def test_documents(value: str, paths: dict[str, Mask], expected: str) -> None:
    assert masked(value, paths) == expected
    binary = column(a_mask("json", paths=tuple(paths.items())), JSONB, BINARY)
    assert binary.mask(b"\x01" + value.encode()) == b"\x01" + expected.encode()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "{",
            "[",
            '{"a"',
            '{"a":',
            '{"a": "SECRET',
            '{"a": "SECRET\\"}',
            "{a: 1}",
            '{"a" 1}',
            '{"a": 1 "b": 2}',
        ),
        *(
            "[1 2]",
            "[1,",
            '{"a": 1}]',
            "1 2",
            '{"a": [1}',
            '{"a": "x"} SECRET',
            '{"\\x": 1}',
            '{"\\u12": 1}',
            '{"a": "\\x"}',
        ),
    ],
)
def test_what_is_no_document_is_null(value: str) -> None:
    assert masked(value, {"$.a": REDACT, "$..c": LAST}) is None or masked(value, {"$.a": LAST}) is None


def test_what_is_nested_too_deeply_is_null() -> None:
    inner = "[" * (DEEPEST - 2) + '{"b": 1}' + "]" * (DEEPEST - 2)
    assert (masked(inner, {"$..b": REDACT}) or "").count('{"b": "***"}') == 1
    deeper = "[" * 5000 + '{"b": 1}' + "]" * 5000
    assert masked(deeper, {"$..b": REDACT}) is None
    assert masked('{"a": ' + deeper + "}", {"$.a": REDACT}) == '{"a": "***"}'
    with pytest.raises(NotJson):
        masked_json(deeper.encode(), [], Scrub())


def test_many_deep_steps_take_no_longer_than_one() -> None:
    deep = '{"a": ' * 60 + '"x"' + "}" * 60
    assert masked(deep, {"$" + "..a" * 30 + "..b": REDACT}) == deep


@pytest.mark.parametrize("version", [b"", b"\x00", b"\x02"])
def test_another_version_of_jsonb_is_null(version: bytes) -> None:
    assert column(a_mask("json"), JSONB, BINARY).mask(version + b"{}") is None


@given(value=documents)
def test_what_was_shown_is_recognised(value: Any) -> None:
    mask = a_mask("json", paths=(("$..b", REDACT),))
    text = json.dumps({"b": "x", "c": value})
    found = column(mask, JSON).mask(text.encode())
    assert found is not None
    assert recognises(mask, found.decode())
    assert not recognises(mask, '{"b": "x", "c": "***"}')
    assert not recognises(mask, "no json")
