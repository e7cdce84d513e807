"""``/login/oidc``: to the organisation's login, and back with a session."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from api.caller import new_secret
from api.oidc.refusal import LoginRefused
from api.oidc.sign_in import SignIn
from api.oidc.ticket import LASTS_S
from api.pages.login import SESSION_PREFIX, login_page, with_session
from api.services import Services, Wired
from db.access import AccessRepository, Deed, Identity

router = APIRouter(include_in_schema=False)
PATH = "/login/oidc"
CALLBACK = f"{PATH}/callback"
TICKET_COOKIE = "shardwright_oidc"
OFF = "This service knows no login of an organisation; log in with an API key."


@router.get(PATH)
async def leave(services: Wired, request: Request) -> Response:
    """Send the browser to the provider."""
    try:
        way, ticket = await _on(services).begin(_callback(request))
    except LoginRefused as refused:
        return login_page(services, request, refused.status, fault=refused.words)
    answer = RedirectResponse(way, status_code=303, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        TICKET_COOKIE,
        ticket,
        max_age=LASTS_S,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.get(CALLBACK, name="oidc_callback")
async def come_back(services: Wired, request: Request) -> Response:
    """Open a session for whom the provider vouches for."""
    cookie = request.cookies.get(TICKET_COOKIE, "")
    try:
        who = await _on(services).finish(_callback(request), cookie, request.query_params)
        secret = await run_in_threadpool(_opened, services, who, request.state.request_id)
        answer = with_session(services, request, secret)
    except LoginRefused as refused:
        answer = login_page(services, request, refused.status, fault=refused.words)
    answer.delete_cookie(TICKET_COOKIE, path=PATH, httponly=True, samesite="lax")
    return answer


def _on(services: Services) -> SignIn:
    if services.sign_in is None:
        raise LoginRefused(OFF)
    return services.sign_in


def _callback(request: Request) -> str:
    return str(request.url_for("oidc_callback"))


def _opened(services: Services, who: Identity, request_id: str) -> str:
    try:
        return _written(services, who, request_id)
    except IntegrityError:  # another login made the same project at the same moment
        return _written(services, who, request_id)


def _written(services: Services, who: Identity, request_id: str) -> str:
    """Project, session and a line of the audit, all or none."""
    secret = new_secret(SESSION_PREFIX)
    with services.database.writing() as session:
        access = AccessRepository(session)
        access.add_project(who.project)
        access.open_session(secret, who, timedelta(seconds=services.settings.session_lasts_s))
        access.tell(
            [
                Deed(
                    project=who.project,
                    actor=who.actor,
                    action=f"GET {CALLBACK}",
                    subject="/",
                    detail={"status": 303, "request_id": request_id, "scope": who.scope},
                )
            ]
        )
    return secret
