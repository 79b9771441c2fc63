"""What masks are made with now, keys and functions of the operator's own: every session is told of others."""

from __future__ import annotations

from typing import final

from pgmaskproxy.audit import events
from pgmaskproxy.keyring.document import NO_DOCUMENT, Document
from pgmaskproxy.logs import get_logger
from pgmaskproxy.mask.keys import NO_KEYS, Keyring
from pgmaskproxy.mask.maskers import NO_CUSTOMS, Customs
from pgmaskproxy.metrics import Metrics, bounded
from pgmaskproxy.model import AuditEvent


@final
class Keys:
    """None until the first `replace`."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self.ring: Keyring = NO_KEYS
        self.customs: Customs = NO_CUSTOMS
        """Masks of the operator's own."""
        self._document = NO_DOCUMENT
        self._metrics = metrics
        self._log = get_logger("keys")

    def replace(self, document: Document, place: str) -> AuditEvent | None:
        """These from now on, as they were read from `place`; what is to be recorded of it, None when they are the same.

        Said is which ones: by name, version and fingerprint.
        """
        ring = document.keyring()
        if ring.same(self.ring):
            return None
        before, self._document = self._document, document
        self.ring = ring
        if self._metrics is not None:
            self._metrics.masking_key_version.clear()
            for name in document.names():
                self._metrics.masking_key_version.labels(bounded(name)).set(ring.current(name) or 0)
        said, gone = [str(each) for each in document.entries], {str(each) for each in before.entries}
        self._log.info("keys_in_force", path=place, count=len(said), key=", ".join(said))
        return events.keys_in_force(said, sorted(gone - {*said}))
