"""The second key of the verdict's cache: what is left of a tree without its constants."""

from __future__ import annotations

from pgmaskproxy.sql.attest.reader import stripped


def test_what_looks_like_a_constant_inside_a_name_is_not_removed() -> None:
    """Two columns would be one."""
    name = "{VAR :name a\\ :location 7 :location 9 }"
    assert stripped(name) == "{VAR :name a\\ :location 7 }"
