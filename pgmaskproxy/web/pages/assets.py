"""The files of `static/`: read once, named with their hash, so that a browser may keep them and checks what it gets.

htmx is somebody else's: version 2.0.11, Zero-Clause BSD (`static/htmx-LICENSE.txt`), the file `dist/htmx.min.js` of the
package `htmx.org` as it is, with the hash below. Nothing is served if the file is another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final, final

from fastapi import Request, Response

from pgmaskproxy.errors import InternalError

HTMX_SHA384: Final = "2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg"
"""Of static/htmx.min.js, as in its `integrity` attribute."""

TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    type: str
    sha384: str
    """Base64, as Subresource Integrity has it."""

    @property
    def version(self) -> str:
        """A few characters of the hash that fit a URL."""
        return hashlib.sha256(self.content).hexdigest()[:12]


@final
class Assets:
    """All of them, by name. Raises InternalError where htmx is not the one that was looked at."""

    def __init__(self) -> None:
        found = {}
        for file in resources.files("pgmaskproxy.web.pages").joinpath("static").iterdir():
            kind = TYPES.get(file.name[file.name.rfind(".") :])
            if kind is not None:
                content = file.read_bytes()
                digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
                found[file.name] = Asset(content, kind, digest)
        self._found: Final[Mapping[str, Asset]] = found
        if not hmac.compare_digest(found["htmx.min.js"].sha384, HTMX_SHA384):
            raise InternalError("static/htmx.min.js is not the file that was vendored")

    def url(self, name: str) -> str:
        """Where the file is; another content is at another address."""
        return f"/static/{name}?v={self._found[name].version}"

    def integrity(self, name: str) -> str:
        """The `integrity` attribute of a script or style."""
        return f"sha384-{self._found[name].sha384}"

    def answer(self, name: str, request: Request) -> Response | None:
        """The file; None when there is none of this name."""
        asset = self._found.get(name)
        if asset is None:
            return None
        response = Response(asset.content, media_type=None, headers={"Content-Type": asset.type})
        if request.query_params.get("v") == asset.version:
            response.headers["Cache-Control"] = FOR_EVER
        return response
