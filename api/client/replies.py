"""How replies are read: the JSON they hold, or the refusal they tell."""

import json
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import Any

from api.client.errors import Refused, UnknownAnswer, faults_of
from api.client.exchange import Reply


def json_of(reply: Reply) -> Any:
    """Body of a reply as plain data."""
    try:
        return json.loads(reply.body)
    except ValueError:
        shown = reply.body[:80].decode("utf-8", "replace")
        raise UnknownAnswer(f"an answer is no JSON: {shown!r}\nMaybe base_url leads elsewhere.") from None


def object_of(reply: Reply) -> dict[str, Any]:
    """Body of a reply that is a JSON object."""
    value = json_of(reply)
    if not isinstance(value, dict):
        raise UnknownAnswer(f"an answer is no JSON object but a {type(value).__name__}")
    return value


def nothing_of(reply: Reply) -> None:
    """Read a reply without a body."""


def accepted(reply: Reply) -> Reply:
    """The reply, where it is no error.

    Raises
    ------
    Refused
        With the problem that the reply tells.
    """
    if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return reply
    try:
        problem = json.loads(reply.body)
    except ValueError:
        problem = None
    problem = problem if isinstance(problem, dict) else {}
    raise Refused(
        reply.status,
        str(problem.get("detail") or problem.get("title") or _phrase(reply.status)),
        errors=faults_of(problem),
        retry_after_s=seconds(reply.headers.get("retry-after")),
    )


def seconds(retry_after: str | None) -> float | None:
    """``Retry-After`` as seconds from now: a number, or a date; None where there is none to understand."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time())
    except ValueError:
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no further word"
