"""What a person said yes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pgmaskproxy.model import Parameter, Statement, Unmask
from pgmaskproxy.wire.backend import Field


@final
@dataclass(frozen=True, slots=True)
class Grant:
    """What a person said yes to: exactly this, once."""

    request: str
    serial: int
    statement: Statement
    parameters: tuple[Parameter, ...]
    fields: tuple[Field, ...] | None
    """Its shape as it was attested; None where it could not be (a statement that needs those before it)."""
    policy_version: str
    attested: str = ""
    """The hash of the trees that were approved; '' where there were none."""
    unmask: Unmask | None = None
    """What of it is to be shown as it is."""
