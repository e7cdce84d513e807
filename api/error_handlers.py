"""Every error of the service leaves as a problem, or as a page where a page was asked for."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from api.guard import SECURITY_HEADERS
from api.problems import Problem, problem_response
from db.patience import is_outage
from models.errors import Fault, InvalidInput, ShardwrightError
from solvers.errors import InvalidInstance

log = logging.getLogger(__name__)
REST_PREFIX = "/v1"
METHODS = ("GET", "POST", "PUT", "DELETE")


def install(app: FastAPI) -> None:
    """Register the handlers."""
    for kind in (Problem, ShardwrightError, InvalidInstance):
        app.add_exception_handler(kind, _told)
    app.add_exception_handler(DBAPIError, _outage)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _defect)


def _told(request: Request, error: Exception) -> Response:
    if wants_page(request):
        from api.pages.error_page import error_page

        return error_page(request, error)
    return problem_response(error, instance=request.url.path)


def _outage(request: Request, error: Exception) -> Response:
    """The database is away, locked or full: nothing was stored, and the same request may work later."""
    assert isinstance(error, DBAPIError)
    if not is_outage(error):
        return _defect(request, error)
    log.error("the database fails at %s: %s", request.url.path, error.orig)
    return _told(
        request,
        Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the database does not answer, or takes no writes; nothing was stored",
            hint="Maybe try again in a moment.",
            headers={"Retry-After": "2"},
        ),
    )


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path[:200]}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible here",
    }
    detail = words.get(HTTPStatus(error.status_code), str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return _told(request, Problem(error.status_code, detail, headers=headers))


def _methods_at(request: Request) -> set[str]:
    """Every method some route has at this path; the router names those of the first one only."""
    asked = [(method, {**request.scope, "method": method}) for method in METHODS]
    found = {
        method
        for method, scope in asked
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    }
    return found | ({"HEAD"} if "GET" in found else set())


def _parameters(request: Request, error: Exception) -> Response:
    """Query, path and header parameters; bodies are read by our own strict reader."""
    assert isinstance(error, RequestValidationError)
    faults = tuple(
        Fault(pointer="", detail=f"{' '.join(str(part) for part in row['loc'])}: {row['msg']}")
        for row in error.errors()
    )
    return _told(request, InvalidInput(faults[0].detail, faults=faults))


def _defect(request: Request, error: Exception) -> Response:
    """A defect of ours: the log has the traceback, the client learns nothing of the inside."""
    log.error("defect at %s", request.url.path, exc_info=error)
    answer = _told(request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a defect of the service"))
    answer.headers.update(SECURITY_HEADERS)  # this answer is made outside the guard
    return answer


def wants_page(request: Request) -> bool:
    """Whether a browser asked for something outside the REST interface."""
    return not request.url.path.startswith(REST_PREFIX) and "text/html" in request.headers.get("accept", "")
