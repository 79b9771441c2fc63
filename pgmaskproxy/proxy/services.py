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
from pgmaskproxy.ids import new_id
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.budgets import Budgets
from pgmaskproxy.proxy.canaries import Canaries
from pgmaskproxy.proxy.cancel import CancelKeys
from pgmaskproxy.proxy.certificates import ServerCertificates
from pgmaskproxy.proxy.held import Held
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.keys import Keys
from pgmaskproxy.proxy.prover import Prover


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
    attestation: str = "required"
    """Whether the server's trees decide: as configured, and off where `preferred` found that it gives none."""
    held: Held = field(default_factory=Held)
    clock: Callable[[], float] = time.time
    randbytes: Callable[[int], bytes] = secrets.token_bytes

    def new_id(self, prefix: str) -> str:
        """A fresh `ses_`, `stm_` or `apr_`."""
        return new_id(prefix, self.clock, self.randbytes)  # type: ignore[arg-type]
