"""`pgmaskproxy.unmask` as this session has set it: what it asks to see unmasked, until it has been shown once.

Told by the statements that are sent, not asked of the server: whatever is not certain ends it. Without a wish all is
masked, and with one a person is asked: so it may end too early, and never shows anything by itself.
"""

from __future__ import annotations

from typing import final

from pgmaskproxy.model import Analysis, NameVerb, TransactionVerb

UNMASK = "pgmaskproxy.unmask"
_IDLE = b"I"


@final
class Wish:
    """`text` is the setting's value, '' where nothing is asked for."""

    def __init__(self) -> None:
        self.text = ""
        self._local = False
        """Set by SET LOCAL: it ends with the transaction."""
        self._uncertain = False
        """A rollback would take it back."""
        self._since = 0
        """How many Syncs were sent before it was set."""
        self._spent = ""

    def forget(self) -> None:
        """Nothing is asked for any more."""
        self.text = self._spent = ""
        self._local = self._uncertain = False

    def spend(self) -> None:
        """It is about to be shown: what runs next is masked."""
        self._spent, self.text = self.text, ""

    def take_back(self) -> None:
        """What was about to be shown has failed: who runs it again is asked again."""
        if self._spent and not self.text:
            self.text = self._spent
        self._spent = ""

    def note(self, analysis: Analysis, syncs: int) -> None:
        """A statement was sent behind so many Syncs."""
        for setting in analysis.settings:
            if setting.name.lower() == "all":
                self.forget()
            elif setting.name.lower() == UNMASK:
                self.forget()
                self.text = (setting.value or "").strip()
                self._local, self._uncertain, self._since = setting.local, True, syncs
        if analysis.names is not None and analysis.names.verb is NameVerb.DISCARD:
            self.forget()
        if analysis.transaction in {TransactionVerb.COMMIT, TransactionVerb.PREPARED} and self._local:
            self.forget()
        elif analysis.transaction is TransactionVerb.ROLLBACK or (
            analysis.transaction is TransactionVerb.SAVEPOINT and not _keeps(analysis)
        ):
            self.failed()

    def failed(self) -> None:
        """Something failed, or is rolled back: with it went what was set in the same transaction."""
        if self._uncertain:
            self.forget()

    def ready(self, status: bytes, syncs: int) -> None:
        """The server has answered a Sync before which `syncs` were sent."""
        if syncs < self._since:
            return
        self._spent = ""
        if status == _IDLE:
            if self._local:
                self.forget()
            self._uncertain = False


def _keeps(analysis: Analysis) -> bool:
    """SAVEPOINT and RELEASE take nothing back, ROLLBACK TO does."""
    return analysis.redacted.lstrip().upper().startswith(("SAVEPOINT", "RELEASE"))
