"""``/login`` and ``/logout``: an API key opens a session, kept in a cookie that scripts cannot read."""

from datetime import timedelta

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from api.caller import COOKIE, new_secret, secret_of
from api.pages.form_token import form_page, own_form, sent_fields
from api.pages.same_origin import same_origin
from api.services import Services, Wired
from db.access import AccessRepository

router = APIRouter(include_in_schema=False)
SESSION_PREFIX = "sws_"
UNKNOWN = "This key is not known, revoked, or over."


@router.get("/login")
async def form(services: Wired, request: Request) -> Response:
    """Ask for a key, or for the organisation's login where there is one."""
    return login_page(services, request)


@router.post("/login", dependencies=[Depends(own_form())])
async def log_in(services: Wired, request: Request) -> Response:
    """Open a session for the holder of a key."""
    key = (await sent_fields(request)).get("key", "").strip()
    secret = await run_in_threadpool(_opened, services, key)
    if secret is None:
        return login_page(services, request, 403, fault=UNKNOWN)
    return with_session(services, request, secret)


@router.post("/logout", dependencies=[Depends(same_origin)])
async def log_out(services: Wired, request: Request) -> Response:
    """Close the session."""
    found = secret_of(request.headers)
    if found is not None and found[0] == "session":
        await run_in_threadpool(_closed, services, found[1])
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def login_page(services: Services, request: Request, status: int = 200, fault: str = "") -> Response:
    """The page that asks who somebody is, and says why the last answer would not do."""
    return form_page(request, "login.html", status, fault=fault, by_organisation=services.sign_in is not None)


def with_session(services: Services, request: Request, secret: str) -> Response:
    """On to the page, with the cookie of a session."""
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(services.settings.session_lasts_s),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _opened(services: Services, key: str) -> str | None:
    secret = new_secret(SESSION_PREFIX)
    with services.database.writing() as session:
        access = AccessRepository(session)
        who = access.identity(key)
        if who is None:
            return None
        lasts = timedelta(seconds=services.settings.session_lasts_s)
        access.open_session(secret, who, lasts, access.key_of(key))
    return secret


def _closed(services: Services, secret: str) -> None:
    with services.database.writing() as session:
        AccessRepository(session).close_session(secret)
    services.callers.forget()
