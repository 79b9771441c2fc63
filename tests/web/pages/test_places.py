"""Where one may be sent after signing in."""

from __future__ import annotations

import pytest

from pgmaskproxy.web.pages.places import own_place, sign_in_first

REQUEST = "/requests/apr_" + "0" * 32


@pytest.mark.parametrize("place", ["/", "/history", "/history?state=rejected&login=a%20b", REQUEST])
def test_pages_of_ours(place: str) -> None:
    assert own_place(place) == place


@pytest.mark.parametrize(
    "place",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/requests/../sign-out",
        f"{REQUEST}/approve",
        f"{REQUEST}\n",
        f" {REQUEST}",
        "/history?state=\r\nSet-Cookie: x",
        "/history#x",
        "/api/v1/requests",
        "javascript:alert(1)",
        "/requests/apr_" + "0" * 31 + "٣",
    ],
)
def test_anything_else_is_the_inbox(place: str) -> None:
    assert own_place(place) == "/"


def test_the_way_there() -> None:
    assert sign_in_first("/nowhere") == "/sign-in"
    assert sign_in_first(REQUEST) == f"/sign-in?next=%2Frequests%2Fapr_{'0' * 32}"
