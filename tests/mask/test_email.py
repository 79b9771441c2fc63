from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.email import Email
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
