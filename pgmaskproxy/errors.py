"""A small tree of errors; each knows its SQLSTATE and whose fault it is.

The client's (`PeerError`, `Unparsable`), the operator's (`ConfigError`), the world's
(`Unavailable`), or ours (`InternalError`: a guard that held). SQLSTATEs are PostgreSQL's
(manual, appendix A); no class is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ProxyError(Exception):
    """The root. `sqlstate` and the message are fit to be sent to a client."""

    sqlstate = "XX000"

    def __init__(self, message: str, *, sqlstate: str | None = None, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        if sqlstate is not None:
            self.sqlstate = sqlstate


class PeerError(ProxyError):
    """A peer broke the protocol; the connection ends with FATAL 08P01."""

    sqlstate = "08P01"


class AuthenticationFailed(ProxyError):
    """A login failed. The client hears one text for every reason; `reason` is for the audit log."""

    sqlstate = "28P01"

    def __init__(self, reason: str, *, sqlstate: str | None = None) -> None:
        super().__init__("password authentication failed", sqlstate=sqlstate)
        self.reason = reason


class Unparsable(ProxyError):
    """A statement cannot be read: 42601 (with `position`, 1-based in characters), 54001, 54000, 0A000 or 22021."""

    sqlstate = "42601"

    def __init__(
        self, message: str, *, sqlstate: str | None = None, position: int = 0, detail: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, sqlstate=sqlstate, detail=detail, hint=hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file, a setting or a server, and what to do about it."""

    message: str
    file: str = ""
    line: int = 0
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else (f"{self.file}: " if self.file else "")
        return f"{place}{self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(ProxyError):
    """Configuration, policy or principals are wrong: every problem at once. Exit code 78."""

    sqlstate = "F0000"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Unavailable(ProxyError):
    """Upstream, state or another service cannot be reached: 08006. Exit code 69."""

    sqlstate = "08006"


class AuditFailed(ProxyError):
    """The audit log cannot be written, so nothing may run: 58030, or 53100 when the disk is full."""

    sqlstate = "58030"


class InternalError(ProxyError):
    """A guard held: our own fault, and nothing was let through."""


class SealedError(InternalError):
    """A row arrived under a plan that no decision has opened."""


class Reinterpreted(SealedError):
    """The server understands a read that is on its way otherwise than before: somebody else has redefined something
    meanwhile. Nothing of its result was let through."""


class CanarySeen(InternalError):
    """A planted value was about to be sent to somebody who is not cleared for it. `canary` is its id."""

    def __init__(self, canary: str) -> None:
        super().__init__("a canary was about to be sent")
        self.canary = canary
