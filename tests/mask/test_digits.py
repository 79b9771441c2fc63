from __future__ import annotations

import pytest

from pgmaskproxy.mask.digits import digits_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("4111 1111-2222", "411111112222"), ("4111/1111", ""), ("4111x", ""), ("٤١١١", ""), ("\ud800 1", "")],
)
def test_digits_and_what_may_stand_between_them(text: str, expected: str) -> None:
    assert digits_of(text, b" -") == expected
