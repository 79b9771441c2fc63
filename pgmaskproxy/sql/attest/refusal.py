"""The one error of this package: a tree that is not understood completely attests nothing."""

from __future__ import annotations

from pgmaskproxy.errors import ProxyError


class Unattestable(ProxyError):
    """A tree is missing, forged, damaged, of an unknown shape (0A000), too large (54000) or too deep (54001)."""

    sqlstate = "0A000"
