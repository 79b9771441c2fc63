"""Every error the REST interface answers with: problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pgmaskproxy.errors import AuditFailed, Unavailable

MEDIA_TYPE: Final = "application/problem+json"

CHALLENGE: Final = 'Bearer realm="pgmaskproxy", Basic realm="pgmaskproxy", charset="UTF-8"'
"""A person signs in by token or by password (RFC 6750, RFC 7617)."""


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field("about:blank", description="Always about:blank: `reason` says what happened")
    title: str = Field(description="The HTTP status in words")
    status: int
    detail: str = Field(description="What is wrong, for a person")
    reason: str = Field(description="What is wrong, for a program: a stable word")
    hint: str | None = Field(None, description="What to do next")
    instance: str | None = Field(None, description="The path asked for")


class Rejected(Exception):
    """Ends a request with a problem. `reason` is a stable word, `detail` a sentence; both are shown to the caller."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})


def unauthenticated(detail: str, hint: str = "sign in with a person's token or password") -> Rejected:
    """401 with the challenge; one text whatever was wrong with the credential."""
    return Rejected(401, "unauthenticated", detail, hint=hint, headers={"WWW-Authenticate": CHALLENGE})


def problem(path: str, rejected: Rejected) -> JSONResponse:
    """The response that `rejected` becomes."""
    details = ProblemDetails(
        type="about:blank",
        title=HTTPStatus(rejected.status).phrase,
        status=rejected.status,
        detail=rejected.detail,
        reason=rejected.reason,
        hint=rejected.hint,
        instance=path,
    )
    return JSONResponse(
        details.model_dump(exclude_none=True), rejected.status, headers=rejected.headers, media_type=MEDIA_TYPE
    )


def understood(error: Exception) -> Rejected:
    """What is told of `error`: one of the kinds that `install` catches."""
    match error:
        case Rejected():
            return error
        case RequestValidationError():
            # pydantic's own texts, without its `input`, which would echo what was sent
            parts = [f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}" for item in error.errors()]
            return Rejected(422, "invalid", "; ".join(parts))
        case HTTPException():
            reason = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
            return Rejected(error.status_code, reason, str(error.detail), headers=error.headers)
        case AuditFailed():
            detail = "the audit log cannot be written, so nothing was changed"
            return Rejected(503, "audit_failed", detail, hint=error.hint or None)
        case _:
            assert isinstance(error, Unavailable)
            return Rejected(503, "unavailable", error.message, hint=error.hint or None)


def install(app: FastAPI, answer: Callable[[Request, Rejected], Response]) -> None:
    """Has every error of `app` answered by `answer`. An unexpected one says nothing of itself: the log has class and
    place."""

    def handler(request: Request, error: Exception) -> Response:
        return answer(request, understood(error))

    for kind in (Rejected, RequestValidationError, HTTPException, AuditFailed, Unavailable):
        app.add_exception_handler(kind, handler)
