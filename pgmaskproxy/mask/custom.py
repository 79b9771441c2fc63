"""`custom`: a mask that somebody else has written, as a Python entry point in the group `pgmaskproxy.masks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from pgmaskproxy.mask.masker import Kind


@final
class Custom(Kind):
    """A function of a text that gives a text, or None for NULL. It is the operator's own code, and trusted as that is;
    what it raises is no reason to show a value, and neither is what it gives that is no text."""

    def __init__(self, function: Callable[[str], str | None]) -> None:
        self.function: Final = function

    def show(self, text: str) -> str | None:
        """NULL where it fails."""
        try:
            shown = self.function(text)
            if not isinstance(shown, str) or "\0" in shown:
                return None
            shown.encode("utf-8")  # half of a surrogate pair is no text
        except Exception:  # noqa: BLE001 - somebody else's code: whatever it is, the value is not shown
            return None
        return shown
