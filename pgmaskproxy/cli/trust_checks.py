"""What `trust:` comes to on a server: how much of it is trusted, and what is not as it was pinned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pgmaskproxy.cli.role_checks import Said
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.trust import Doubt, Trust

LOOK: Final = "look at it, then `pgmaskproxy check --pin`"


def trust_findings(pins: PinFile, database: str, catalog: Catalog, *, pin: bool) -> Iterator[Said]:
    """What is trusted there and what not; with `pin` all of it as it is now, from then on. Raises OSError."""
    if pins.trust == Trust():
        return
    vetted = pins.pin(database, catalog) if pin else pins.vet(database, catalog)
    said = f"{len(vetted.trusted)} functions and {len(vetted.views)} views are trusted"
    first = len(vetted.first_seen) + len(vetted.first_views)
    if pin:
        said += f", and pinned in {pins.path}"
    elif first:
        said += f"; {first} of them are pinned when `serve` first sees them"
    yield ("ok", said, "")
    for each in vetted.doubtful:
        if each.doubt is Doubt.MISSING:
            yield ("warning", str(each), "a name that matches nothing trusts nothing; types are spelled as \\df does")
        else:
            yield ("error", str(each), LOOK)
    for named in sorted(pins.trust.functions):
        function = next((found for found in catalog.functions if _same(found.signature, named)), None)
        if function is not None and function.oid in vetted.trusted and function.volatility != "i":
            yield (
                "warning",
                f"{function.signature} is not immutable: its result counts as clean whatever it reads",
                "",
            )


def _same(signature: str, named: str) -> bool:
    return signature.replace(" ", "") == named.replace(" ", "")
