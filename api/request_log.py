"""Every request gets an id, a line in the log, its numbers in the metrics; a change gets into the audit."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import NOBODY
from api.metrics import Metrics
from db.access import Deed, Identity

log = logging.getLogger("shardwright.requests")
HEADER = "x-request-id"
_SAFE = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
REFUSED = (401, 403)


class RequestLog:
    """ASGI middleware outside all others.

    Parameters
    ----------
    tell
        Takes one line of the audit log.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tell: Callable[[Deed], object]) -> None:
        self._app = app
        self._metrics = metrics
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(HEADER, "")
        request_id = asked if _SAFE.match(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, location = time.perf_counter(), 500, ""

        async def noted(message: Message) -> None:
            nonlocal status, location
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request_id
                status, location = message["status"], headers.get("location", "")
                self._audit(scope, status, location, request_id)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - began
            self._metrics.seen(scope["method"], route_of(scope), status, seconds)
            if log.isEnabledFor(logging.INFO):
                log.info(json.dumps(_line(scope, status, seconds, request_id)))

    def _audit(self, scope: Scope, status: int, location: str, request_id: str) -> None:
        """Changes that were made, and what was refused for lack of rights; before the answer goes out."""
        changed = scope["method"] in CHANGING and status < 400
        if not changed and status not in REFUSED:
            return
        who = _who(scope)
        self._tell(
            Deed(
                project=who.project,
                actor=who.actor if status != 401 else "unknown",
                action=f"{scope['method']} {route_of(scope)}"[:100],
                subject=(location or scope["path"])[:300],
                detail={"status": status, "request_id": request_id},
            )
        )


def route_of(scope: Scope) -> str:
    """Template of the route, so that ids do not make names without end."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if isinstance(path, str) and path:
        return path
    return "/static" if scope["path"].startswith("/static") else "unknown"


def _who(scope: Scope) -> Identity:
    found: Identity = scope["state"].get("caller", NOBODY)
    return found


def _line(scope: Scope, status: int, seconds: float, request_id: str) -> dict[str, object]:
    who = _who(scope)
    return {
        "request_id": request_id,
        "method": scope["method"],
        "path": scope["path"][:300],
        "route": route_of(scope),
        "status": status,
        "seconds": round(seconds, 6),
        "project": who.project,
        "caller": who.actor,
    }
