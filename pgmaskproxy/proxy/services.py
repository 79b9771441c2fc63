"""What every connection is given: built once by the composition root."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.config import Config
from pgmaskproxy.ids import Ids
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.budgets import Budgets
from pgmaskproxy.proxy.canaries import Canaries
from pgmaskproxy.proxy.cancel import CancelKeys
from pgmaskproxy.proxy.certificates import ServerCertificates
from pgmaskproxy.proxy.held import Held
from pgmaskproxy.proxy.journal import Journal
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.keys import Keys
from pgmaskproxy.proxy.phrases import Phrases
from pgmaskproxy.proxy.prover import Prover
from pgmaskproxy.wire.scram import Password


@final
@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of a connection."""

    config: Config
    judge: Judge
    prover: Prover
    broker: Broker
    budgets: Budgets
    audit: AuditLog
    metrics: Metrics
    mock_secret: bytes
    """Keys the verifiers of users who do not exist."""
    link: Callable[[str], str]
    """Where a request can be decided."""
    cancel: CancelKeys
    keys: Keys = field(default_factory=Keys)
    canaries: Canaries = field(default_factory=Canaries)
    certificates: ServerCertificates | None = None
    """What clients are served TLS with; None for no TLS."""
    upstream_context: ssl.SSLContext | None = None
    """What the server is spoken to with; None for no TLS."""
    password: Password | None = field(default=None, repr=False)
    """That the server is told, or shown that we know it."""
    attestation: str = "required"
    """Whether the server's trees decide: as configured, and off where `preferred` found that it gives none."""
    held: Held = field(default_factory=Held)
    clock: Callable[[], float] = time.time
    randbytes: Callable[[int], bytes] = secrets.token_bytes

    ids: Ids = field(init=False)
    """Makes `ses_`, `stm_` and `apr_`."""
    journal: Journal = field(init=False)
    """Writes to `audit` for the event loop."""
    phrases: Phrases = field(default_factory=Phrases)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", Ids(self.clock, self.randbytes))
        object.__setattr__(self, "journal", Journal(self.audit, self.metrics))
