"""Forms: what a browser posts, and whether it was a page of ours that it posted.

Three things must hold: the browser says that the form was on this origin (`Origin`), the cookie came with it
(SameSite=Strict), and the form carries a token made from that cookie by a key that only this process has.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final, final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from pgmaskproxy.web.problems import Rejected

FIELDS: Final = 20
KEY_BYTES: Final = 32
TOKEN_FIELD: Final = "form_token"  # noqa: S105 - a field's name


@final
class Forms:
    """Makes and checks the tokens of forms. `origin` is how people reach us, '' for the address that they used."""

    def __init__(self, origin: str, randbytes: Callable[[int], bytes]) -> None:
        self._origin = origin
        self._key = randbytes(KEY_BYTES)

    def token(self, cookie: str) -> str:
        """The token of forms for the browser that holds `cookie`."""
        return hmac.new(self._key, cookie.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    async def read(self, request: Request, cookie: str) -> Mapping[str, str]:
        """The fields of a form of ours. Raises Rejected: 400 for what is no form, 403 for what is not ours."""
        self._same_origin(request)
        fields = await _fields(request)
        token = fields.get(TOKEN_FIELD, "").encode("utf-8", "surrogatepass")
        if not cookie or not hmac.compare_digest(token, self.token(cookie).encode()):
            raise Rejected(
                403,
                "stale_form",
                "this form is not of your present session",
                hint="nothing was done; open the page again and send it once more",
            )
        return fields

    def _same_origin(self, request: Request) -> None:
        said = request.headers.getlist("origin")
        expected = self._origin or f"http://{request.headers.get('host', '')}"
        if len(said) != 1 or said[0].lower() != expected.lower():
            raise Rejected(
                403,
                "other_origin",
                "this form was not sent from this page's own address",
                hint=f"nothing was done; this page is at {self._origin}" if self._origin else "nothing was done",
            )


def origin_of(url: str) -> str:
    """Scheme, host and port of `url` as browsers write them in `Origin`; '' for ''."""
    if not url:
        return ""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, usual) else f":{parts.port}")


async def _fields(request: Request) -> dict[str, str]:
    try:
        body = (await request.body()).decode("ascii")
        pairs = parse_qsl(
            body, keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=FIELDS
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Rejected(400, "bad_form", "the form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Rejected(400, "bad_form", "the form says something twice")
    return fields
