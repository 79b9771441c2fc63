from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from pgmaskproxy.mask.email import Email
from pgmaskproxy.mask.masker import is_plain
from tests.mask.shapes import texts

KEEP = Email(keep_domain=True)
HIDE = Email(keep_domain=False)
domains = st.from_regex(r"[a-z]{1,9}(\.[a-z0-9-]{1,9}){0,2}\.[a-z]{2,5}", fullmatch=True)


@given(local=texts.map(str.strip), domain=domains)
def test_a_letter_and_the_domain_are_all_that_shows(local: str, domain: str) -> None:
    address = f"{local}@{domain}".strip()
    first = address[:1] if address.rfind("@") > 1 else ""
    assert KEEP.show(f" {address}\n") == f"{first}***@{domain}"
    assert HIDE.show(address) == f"{first}***@***"


@given(text=st.text("ab1 @.-\n", max_size=30))
def test_what_is_behind_the_at_shows_only_as_a_host_name(text: str) -> None:
    found = KEEP.show(text)
    assert found is not None
    domain = found.rpartition("@")[2]
    assert domain in {"***", text.strip().rpartition("@")[2]}
    assert " " not in domain
    assert "\n" not in domain
    assert not domain[-1].isdigit()


@pytest.mark.parametrize("each", [KEEP, HIDE])
@given(text=texts)
def test_what_it_has_shown_it_recognises(each: Email, text: str) -> None:
    assert each.recognises(each.show(text) or "")


@pytest.mark.parametrize("text", ["", "jane@example.com", "**", "ja***@example.com", "jane"])
def test_other_texts_it_does_not(text: str) -> None:
    assert not KEEP.recognises(text)


@given(text=st.one_of(st.text("ab1@.-_ \x7f", max_size=30), domains.map(lambda domain: f"jane@{domain}")))
@example("jane@example.com")
@example("j@example.com")  # the letter would be all of it
@example("jane@localhost")
@example("jane@10.0.0.1")
@example("jane@what it is.not")
@example("jane@" + "a" * 250 + ".de")
def test_by_the_bytes_of_a_plain_text_it_shows_the_same_or_leaves_it_to_others(text: str) -> None:
    value = text.encode()
    if not is_plain(value, 0, len(value)):
        return
    for each in (KEEP, HIDE):
        out = BytesWriter()
        size = each.write_plain(out, b"x@a.b" + value + b"@c.d", 5, 5 + len(value))
        if size >= 0:
            assert out.getvalue() == (each.show(text) or "").encode()
            assert size == len(out)
        else:
            assert len(out) == 0


def test_an_address_is_shown_by_its_bytes() -> None:
    out = BytesWriter()
    assert KEEP.write_plain(out, b"jane.doe@post.example", 0, 21) == len(b"j***@post.example")
    assert out.getvalue() == b"j***@post.example"
