"""Templates to answers. Everything is escaped, and a name that a template does not know is an error, never nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any, Final, final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse

from pgmaskproxy.approval.request import State
from pgmaskproxy.approval.visible import visible
from pgmaskproxy.web.pages.assets import Assets
from pgmaskproxy.web.pages.sqltext import lines_of, pieces_of

STATES: Final[Mapping[State, str]] = {
    State.PENDING: "Waiting",
    State.APPROVED: "Approved",
    State.RELEASED: "Approved and sent",
    State.REJECTED: "Rejected",
    State.EXPIRED: "Expired",
    State.WITHDRAWN: "Withdrawn",
    State.CANCELLED: "Cancelled",
}
"""What a state is called on the pages."""


@final
class Renderer:
    """Renders `templates/`."""

    def __init__(self, assets: Assets) -> None:
        place = resources.files("pgmaskproxy.web.pages").joinpath("templates")
        self._environment = Environment(
            loader=FunctionLoader(lambda name: place.joinpath(name).read_text(encoding="utf-8")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "visible": visible,
            "pieces": lambda text: list(pieces_of(text)),
            "lines": lines_of,
            "duration": duration,
            "iso": lambda moment: moment.isoformat().replace("+00:00", "Z"),
            "utc": lambda moment: f"{moment:%Y-%m-%d %H:%M:%S} UTC",
            "sentence": lambda text: text[:1].upper() + text[1:],
            "many": many,
        }
        self._environment.globals |= {
            "asset": assets.url,
            "integrity": assets.integrity,
            "states": STATES,
            "new_key": lambda: secrets.token_urlsafe(16),
        }

    def page(self, template: str, status: int = 200, **names: Any) -> HTMLResponse:
        """The answer that `template` makes of `names`."""
        return HTMLResponse(self._environment.get_template(template).render(names), status)


def duration(seconds: float) -> str:
    """`seconds` in words that a person takes in at once: `45 s`, `12 min`, `3 h 20 min`, `2 days`."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{minutes // (24 * 60)} days"


def many(number: int, one: str, more: str = "") -> str:
    """`1 request`, `2 requests`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def since(then: datetime, now: datetime) -> float:
    """Seconds from `then` to `now`."""
    return (now - then).total_seconds()
