"""How the command ends: sysexits' numbers where there is one, and an error that names what, where and what next."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from pgmaskproxy.errors import AuditFailed, AuthenticationFailed, ConfigError, Problem, ProxyError, Unavailable


class Exit(enum.IntEnum):
    """Exit codes. 130 and 143 are the shell's for a signal."""

    OK = 0
    NEGATIVE = 1
    """The answer is no: a test failed, the audit log is broken, a statement is denied."""
    USAGE = 2
    UNAVAILABLE = 69
    """Upstream, state or the REST interface cannot be reached."""
    TEMPORARY = 75
    """Try again: a wait ran out."""
    NOPERM = 77
    """Not signed in, or not allowed."""
    CONFIG = 78
    """Configuration, policy or principals are wrong; systemd must not restart."""
    INTERRUPTED = 130


class Failure(Exception):
    """Ends a command with `code`. `where` is a file:line, a URL or a host; `next_step` is what to do about it."""

    def __init__(
        self, code: Exit, what: str, *, where: str = "", next_step: str = "", problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.where = where
        self.next_step = next_step
        self.problems = tuple(problems)

    def as_dict(self) -> dict[str, object]:
        """For `--format json`: `what`, `where`, `next`, `exit_code` and, of a bad file, every problem."""
        found: dict[str, object] = {"what": self.what, "exit_code": int(self.code)}
        if self.where:
            found["where"] = self.where
        if self.next_step:
            found["next"] = self.next_step
        if self.problems:
            found["problems"] = [problem_dict(problem) for problem in self.problems]
        return found


def problem_dict(problem: Problem) -> dict[str, object]:
    """One problem as an object: `message` and, where known, `file`, `line` and `hint`."""
    found: dict[str, object] = {"message": problem.message}
    if problem.file:
        found["file"] = problem.file
    if problem.line:
        found["line"] = problem.line
    if problem.hint:
        found["hint"] = problem.hint
    return found


def failure_of(error: ProxyError) -> Failure:
    """The failure that an error of the project's becomes."""
    match error:
        case ConfigError(problems=problems):
            count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
            return Failure(
                Exit.CONFIG,
                f"the configuration is wrong: {count}",
                problems=problems,
                next_step="mend it and run `check`",
            )
        case Unavailable() | AuditFailed():
            return Failure(Exit.UNAVAILABLE, error.message, where=error.detail, next_step=error.hint)
        case AuthenticationFailed():
            return Failure(Exit.NOPERM, error.message, where=error.detail, next_step=error.hint)
        case _:
            return Failure(Exit.NEGATIVE, error.message, where=error.detail, next_step=error.hint)
