"""Forms are accepted from our own pages only: another site cannot submit them through a browser."""

from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request

from api.problems import Problem

OWN = ("same-origin", "none")


def same_origin(request: Request) -> None:
    """Refuse a form that a browser sends from another site; programs send neither header."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site is not None and site not in OWN
    if origin is not None and _host_of(origin) != request.headers.get("host"):
        foreign = True
    if foreign:
        raise Problem(HTTPStatus.FORBIDDEN, "this form came from another site")


def _host_of(origin: str) -> str:
    """Host and port; empty where there are none, as in ``null``."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # half of an IPv6 address
        return ""
