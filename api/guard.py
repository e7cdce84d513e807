"""What every request passes first: size of the body, host it is addressed to, HEAD, security headers out."""

import re
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, problem_response

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

ENDLESS = "/events"
"""Bodies that last as long as a job are not made only to be dropped."""

_PORT = re.compile(r":[0-9]*$")


class Guard:
    """ASGI middleware; a body over the limit is refused as it streams in, never kept."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, allowed_hosts: tuple[str, ...] = ()) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        protected = _with_headers(send)
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await problem_response(refusal)(scope, receive, protected)
            return
        if scope.get("method") == "HEAD" and not scope["path"].endswith(ENDLESS):
            scope, protected = {**scope, "method": "GET"}, _without_body(protected)
        await self._app(scope, self._counted(receive), protected)

    def _refusal(self, headers: Headers) -> Problem | None:
        host = _PORT.sub("", headers.get("host", ""))
        if self._allowed_hosts and host not in self._allowed_hosts:
            return Problem(HTTPStatus.MISDIRECTED_REQUEST, "this service does not answer to that host name")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._max_body_bytes:
            return self._too_large()
        return None

    def _counted(self, receive: Receive) -> Receive:
        """``receive`` that stops once more than the limit has come in (bodies without a length)."""
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body_bytes:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> Problem:
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body has more than {self._max_body_bytes} bytes",
            headers={"Connection": "close"},
        )


def _without_body(send: Send) -> Send:
    """Headers as of a GET; the body is made and dropped."""

    async def headless(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headless


def _with_headers(send: Send) -> Send:
    async def protected(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return protected
