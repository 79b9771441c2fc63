"""`scrub`: free text without what identifies a person or opens a door; the rest is kept."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.mask.detectors import DETECTORS, may_find, scrubbed
from pgmaskproxy.mask.masker import Kind, Masker, TextMasker
from pgmaskproxy.mask.types import Shape

LONGEST: Final = 1 << 20
"""Characters of a text that is looked through; a longer one is hidden whole."""


@final
class Scrub(Kind):
    """What is found is replaced by its name in brackets. What nobody has a pattern for stays: names, addresses,
    anything spelt out. It is for texts that are harmless but for slips, not for columns of secrets."""

    def show(self, text: str) -> str | None:
        """NULL for a text that is too long to look through."""
        if len(text) > LONGEST:
            return None
        return scrubbed(text)

    def recognises(self, text: str) -> bool:
        """Where one of those names stands in brackets."""
        return any(detector.shown in text for detector in DETECTORS)


@final
class ScrubMasker(Masker):
    """`scrub` for a column of texts: most of them have nothing in them, and go through as they are."""

    def __init__(self, kind: Scrub, shape: Shape) -> None:
        super().__init__(fixed=False)
        self.texts: Final = TextMasker(kind, shape, cut=True)

    def mask(self, value: bytes) -> bytes | None:
        """As `TextMasker.mask`."""
        return self.texts.mask(value) if len(value) > LONGEST or may_find(value) else value
