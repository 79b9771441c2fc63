"""Where a person may be sent after signing in: to a page of this site, named in full, and nowhere else."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

HOME: Final = "/"
_PAGES: Final = re.compile(r"/|/history(\?[A-Za-z0-9_.%&=+-]{0,300})?|/requests/apr_[0-9a-f]{32}")


def own_place(wanted: str) -> str:
    """`wanted` where it is a page of ours, else the inbox: not `//host`, not `/\\host`, not a scheme, not an action."""
    return wanted if _PAGES.fullmatch(wanted) else HOME


def sign_in_first(wanted: str) -> str:
    """The sign-in page that leads to `wanted` afterwards."""
    place = own_place(wanted)
    return "/sign-in" if place == HOME else f"/sign-in?next={quote(place, safe='')}"
