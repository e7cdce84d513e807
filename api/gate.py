"""The gate: with access control on, every request has a caller, a scope and a project, or goes no further."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.caller import NOBODY, OPEN, Callers, allows, needed_scope, secret_of
from api.problems import Problem, problem_response
from db.access import Identity

Refuse = Callable[[Scope, Problem], Response]


class Gate:
    """ASGI middleware; what it finds stands in ``request.state``: project and caller.

    Parameters
    ----------
    is_open
        No access control: everybody is the local caller with every right.
    """

    def __init__(self, app: ASGIApp, callers: Callers, *, is_open: bool) -> None:
        self._app = app
        self._callers = callers
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or self._is_open or OPEN.match(scope["path"]):
            _stamp(scope, NOBODY)
            await self._app(scope, receive, send)
            return
        who = await self._who(Headers(scope=scope))
        refusal = _refusal(scope, who)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        assert who is not None
        _stamp(scope, who)
        await self._app(scope, receive, send)

    async def _who(self, headers: Headers) -> Identity | None:
        found = secret_of(headers)
        if found is None:
            return None
        fresh, who = self._callers.remembered(*found)
        return who if fresh else await run_in_threadpool(self._callers.find, *found)


def _stamp(scope: Scope, who: Identity) -> None:
    scope.setdefault("state", {}).update(project=who.project, caller=who)


def _refusal(scope: Scope, who: Identity | None) -> Response | None:
    """Why a request goes no further; a person without a session is shown the way to log in."""
    path, method = scope["path"], scope["method"]
    if who is None:
        if not path.startswith(("/v1", "/metrics")) and method in ("GET", "HEAD"):
            return RedirectResponse("/login", status_code=HTTPStatus.SEE_OTHER)
        return problem_response(
            Problem(
                HTTPStatus.UNAUTHORIZED,
                "this needs a valid API key",
                hint="Maybe send Authorization: Bearer swk_...; shardwright keys create makes a key.",
                headers={"WWW-Authenticate": "Bearer"},
            ),
            instance=path,
        )
    needed = needed_scope(method, path)
    if allows(who.scope, needed):
        return None
    _stamp(scope, who)
    return problem_response(
        Problem(
            HTTPStatus.FORBIDDEN,
            f"this needs a key of scope {needed}, yours has {who.scope}",
            hint=f"Maybe ask for a key of scope {needed}.",
        ),
        instance=path,
    )
