"""The page of an error: what happened, and what to do."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import HTMLResponse

from api.pages.rendering import page
from api.problems import status_of
from api.render.faults import faults_of


def error_page(request: Request, error: Exception) -> HTMLResponse:
    """A problem as a page."""
    status = status_of(error)
    return page(
        "error.html", status, title=HTTPStatus(status).phrase, status=int(status), faults=faults_of(error)
    )
