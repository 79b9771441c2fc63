"""REST interface and pages put together: `create_app(services)`, and the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from pgmaskproxy.web import requests, tokens
from pgmaskproxy.web.guard import API, Guard
from pgmaskproxy.web.idempotency import Answers
from pgmaskproxy.web.identity import Identity, signed_in
from pgmaskproxy.web.pages import history, inbox, request, signin, site
from pgmaskproxy.web.pages.site import Site
from pgmaskproxy.web.problems import MEDIA_TYPE, ProblemDetails, Rejected, install, problem
from pgmaskproxy.web.services import Account, Services, services_of
from pgmaskproxy.web.shapes import Whoami

API_VERSION: Final = "1"
"""Of the interface (/api/v1), not of the program."""

DESCRIPTION: Final = """What waits for a person's decision, and the decision.

Sign in as a *person*: a bearer token, or the person's id and password by HTTP Basic. A database login is never
accepted, and nobody decides what their own login, or an agent they answer for, has asked. Every error is an
application/problem+json document whose `reason` is a stable word."""

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}
    for status, text in {
        400: "The request makes no sense",
        401: "Nobody is signed in",
        403: "You may not do this; `detail` says why",
        404: "There is no such thing",
        409: "It has been decided or has ended",
        413: "The body is too long",
        415: "The body is not JSON",
        422: "The body is not of the right shape",
        429: "Too many failed attempts to sign in",
        503: "State or audit log cannot be reached; nothing was changed",
    }.items()
}

router = APIRouter(prefix="/api/v1", tags=["you"])


@router.get("/whoami", operation_id="whoami", summary="Who is signed in")
async def whoami(
    person: Annotated[Account, Depends(signed_in)], services: Annotated[Services, Depends(services_of)]
) -> Whoami:
    """The person behind the credential, their groups now, and the program's version."""
    return Whoami(person=person.id, groups=sorted(person.groups), version=services.version)


def create_app(services: Services) -> FastAPI:
    """The application; serve it with `web.server.embedded_server`."""
    app = _application()
    app.state.services = services
    app.state.identity = Identity(services)
    app.state.answers = Answers(services.clock)
    app.state.site = Site(services, app.state.identity, app.state.answers)
    return app


def api_document() -> dict[str, Any]:
    """The OpenAPI document; needs no services."""
    return _application().openapi()


def _application() -> FastAPI:
    app = FastAPI(
        title="pgmaskproxy",
        version=API_VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        responses=PROBLEMS,
        middleware=[Middleware(Guard, pages=True)],
        redirect_slashes=False,
    )
    for each in (router, requests.router, tokens.router):
        app.include_router(each)
    for each in (signin.router, inbox.router, request.router, history.router):
        app.include_router(each, include_in_schema=False)
    install(app, _answer)
    site.install(app)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    return app


def _answer(request: Request, rejected: Rejected) -> Response:
    """A person is told on a page, a program by a problem."""
    if request.url.path.startswith(API):
        return problem(request.url.path, rejected)
    return site.site_of(request).wrong(request, rejected)


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A person's token"},
        "password": {"type": "http", "scheme": "basic", "description": "A person's id and password"},
    }
    found["security"] = [{"token": []}, {"password": []}]
    found["paths"]["/api/v1/tokens"]["post"]["security"] = [{"password": []}]
    return found
