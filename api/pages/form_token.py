"""Forms carry a token of their own: a page of another site cannot know it, so it cannot send one of ours.

The browser keeps one random secret in a cookie that no script reads and that no other site makes it send;
every form holds a digest of that secret and of where it goes, so a token is good for one form of one browser.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse

from api.pages.rendering import page
from api.pages.same_origin import same_origin
from api.problems import Problem
from api.services import services_of

COOKIE = "shardwright_forms"
FIELD = "form_token"
MAX_FIELDS = 250
_SECRET = re.compile(r"[0-9a-f]{64}")


def token(secret: str, form: str) -> str:
    """What the form that goes to ``form`` holds."""
    return hmac.new(secret.encode(), form.encode(), "sha256").hexdigest()


def form_page(request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page with forms: its template calls ``form_token(action)`` for each of them."""
    kept = _secret_of(request)
    secret = kept or secrets.token_hex(32)
    answer = page(template, status, form_token=partial(token, secret), **values)
    if kept is None:
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, secret, httponly=True, samesite="strict", secure=secure)
    return answer


async def sent_fields(request: Request) -> dict[str, str]:
    """The fields of a form, no files; read once however often they are asked for."""
    most = services_of(request).settings.max_body_bytes
    async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=most) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def own_form(form: str | None = None) -> Callable[[Request], Any]:
    """Refuse a form that is not ours; ``form`` says where it goes, where that is not the request's path."""

    async def check(request: Request) -> None:
        same_origin(request)
        secret = _secret_of(request) or ""
        sent = (await sent_fields(request)).get(FIELD, "")
        wanted = token(secret, form or request.url.path)
        if not secret or not hmac.compare_digest(sent.encode(), wanted.encode()):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "this form was not made for this browser, or its cookie is gone",
                hint="Maybe open the page again and send it once more; cookies have to be allowed.",
            )

    return check


def _secret_of(request: Request) -> str | None:
    found = request.cookies.get(COOKIE, "")
    return found if _SECRET.fullmatch(found) else None
