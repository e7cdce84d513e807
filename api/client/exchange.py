"""Requests and replies as values, and how requests are made."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

from api.client.errors import Refused
from models.errors import InvalidInput

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; sent again as it is, so its ``Idempotency-Key`` stays the same.

    Attributes
    ----------
    repeatable
        Whether sending it again does no harm once it may have arrived.
    solves_s
        How long the service may think about it [s]; zero where it only looks something up.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    solves_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how its reply is read."""

    request: Request
    read: Callable[[Reply], T]


def get(*path: str, **query: str | int | None) -> Request:
    """Request that reads; parts of the path are quoted, empty parts of the query left out."""
    asked = {name: str(value) for name, value in query.items() if value is not None}
    return Request(method="GET", path=path_of(*path), query=asked)


def write(
    method: str,
    *path: str,
    content: Any = None,
    repeatable: bool = True,
    solves_s: float = 0.0,
    if_match: str | None = None,
) -> Request:
    """Request that changes or computes something, with an ``Idempotency-Key`` of its own."""
    headers = {"Idempotency-Key": str(uuid4())}
    if content is not None:
        headers["Content-Type"] = "application/json"
    if if_match is not None:
        headers["If-Match"] = if_match
    return Request(
        method=method,
        path=path_of(*path),
        body=None if content is None else json_bytes(content),
        headers=headers,
        repeatable=repeatable,
        solves_s=solves_s,
    )


def path_of(*parts: str) -> str:
    """Path below ``/v1``; a colon joins an action to its resource, as in ``/plans/{id}:what-if``."""
    return "/v1" + "".join(part if part.startswith(":") else "/" + quote(part, safe="") for part in parts)


def json_bytes(content: Any) -> bytes:
    """Body of a request.

    Raises
    ------
    Refused
        NaN, infinity, or what JSON cannot say; nothing was sent.
    """
    from planner.importers import document

    try:
        document.check(content)
        return json.dumps(content, allow_nan=False).encode()
    except InvalidInput as error:
        raise Refused(None, error.message, errors=error.faults) from None
    except (TypeError, ValueError) as error:
        raise Refused(None, f"no JSON: {error}") from None
