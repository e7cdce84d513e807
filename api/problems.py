"""Errors over HTTP: ``application/problem+json`` (RFC 9457) with JSON pointers and hints."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from api.render.faults import faults_of
from models.errors import InvalidInput, NotBuilt

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 100
TYPE_PREFIX = "urn:shardwright:problem:"


class Problem(Exception):
    """An answer of the service that is an error and no fault of a document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str = "",
        pointer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.message = detail
        self.hint = hint
        self.pointer = pointer
        self.headers = dict(headers or {})


def status_of(error: Exception) -> int:
    """HTTP status an error stands for."""
    if isinstance(error, Problem):
        return error.status
    return HTTPStatus.NOT_IMPLEMENTED if isinstance(error, NotBuilt) else HTTPStatus.UNPROCESSABLE_ENTITY


def problem_body(error: Exception, *, instance: str = "") -> dict[str, Any]:
    """The problem as plain data."""
    status = status_of(error)
    faults = faults_of(error)
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + _kind(error, status),
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": faults[0].detail,
        "errors": [{"pointer": f.pointer, "detail": f.detail, "hint": f.hint} for f in faults[:MAX_FAULTS]],
    }
    if len(faults) > MAX_FAULTS:
        body["detail"] = f"{len(faults)} faults, the first {MAX_FAULTS} are listed"
    if instance:
        body["instance"] = instance
    return body


def problem_response(error: Exception, *, instance: str = "") -> JSONResponse:
    """The problem as a response."""
    headers = error.headers if isinstance(error, Problem) else {}
    body = problem_body(error, instance=instance)
    return JSONResponse(body, status_code=body["status"], headers=headers, media_type=MEDIA_TYPE)


def not_found(what: str, key: str) -> Problem:
    """Nothing of that id."""
    return Problem(HTTPStatus.NOT_FOUND, f"there is no {what} {key[:100]!r}")


def _kind(error: Exception, status: int) -> str:
    if isinstance(error, InvalidInput):
        return "invalid-input"
    if isinstance(error, NotBuilt):
        return "not-built"
    return HTTPStatus(status).phrase.lower().replace(" ", "-")
