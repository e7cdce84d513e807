"""API keys of the caller's project, and its audit log; for keys of scope admin."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import JSONResponse

from api import ids  # noqa: F401 - registers {name:id}
from api.body_schemas import MAX_NAME, NAME, closed
from api.caller import new_secret
from api.document_bounds import check_texts
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body, problems
from api.paging import DEFAULT_LIMIT, Limit, page_body
from api.problems import Problem, not_found
from api.services import Services, Wired
from db.access import SCOPES, AccessRepository, Deed, Key
from db.clock import now
from models.errors import InvalidInput

LEAST_DAYS = 1e-3
MAX_DAYS = 3650
DEFAULT_GRACE_S = 24 * 3600.0
MAX_GRACE_S = 30 * 24 * 3600.0
router = APIRouter(prefix="/v1", tags=["access"])
_NEW = json_body(
    "What the key is for, what it may do, and how long.",
    {"name": "ci", "scope": "write", "expires_in_days": 90},
    closed(
        {"name": NAME},
        {
            "scope": {"enum": list(SCOPES), "default": "write"},
            "expires_in_days": {"type": "number", "minimum": LEAST_DAYS, "maximum": MAX_DAYS},
        },
    ),
)
_GRACE = json_body(
    "How long the old key goes on working.",
    {"grace_s": 3600},
    closed({}, {"grace_s": {"type": "number", "minimum": 0, "maximum": MAX_GRACE_S}}),
)


@router.post(
    "/keys",
    status_code=201,
    operation_id="create_key",
    openapi_extra=_NEW,
    responses={**BODY_PROBLEMS, **problems(409)},
)
def create(services: Wired, request: JsonObject) -> Response:
    """Make a key; its secret is in this answer and nowhere else."""
    only_keys(request, {"name"}, {"scope", "expires_in_days"})
    name, scope = _name(request["name"]), _scope(request.get("scope", "write"))
    days = _number(request, "expires_in_days", MAX_DAYS)
    ends = None if days is None else now() + timedelta(days=days)
    return _made(services, name, scope, ends)


@router.get("/keys", operation_id="list_keys")
def listing(services: Wired) -> dict[str, Any]:
    """Keys of this project, without their secrets, newest first."""
    with services.database.reading() as session:
        found = AccessRepository(session).keys(services.project)
    return {"items": [shown(key) for key in found], "next": None}


@router.delete("/keys/{key_id:id}", operation_id="revoke_key", responses=problems(404))
def revoke(services: Wired, key_id: str) -> dict[str, Any]:
    """Close a key at once, and every session opened with it."""
    _find(services, key_id)
    with services.database.writing() as session:
        AccessRepository(session).revoke(key_id)
    services.callers.forget()
    return shown(_find(services, key_id))


@router.post(
    "/keys/{key_id:id}:rotate",
    status_code=201,
    operation_id="rotate_key",
    openapi_extra=_GRACE,
    responses={**BODY_PROBLEMS, **problems(404, 409)},
)
def rotate(services: Wired, key_id: str, request: JsonObject) -> Response:
    """Make a key like this one, and let this one end after a grace: no moment is without a valid key."""
    only_keys(request, set(), {"grace_s"})
    old = _find(services, key_id)
    if old.revoked_at is not None:
        raise Problem(409, "the key is revoked", hint="Maybe make a new key.")
    grace_s = _number(request, "grace_s", MAX_GRACE_S, least=0.0)
    made = _made(services, old.name, old.scope, None)
    with services.database.writing() as session:
        ends = now() + timedelta(seconds=DEFAULT_GRACE_S if grace_s is None else grace_s)
        AccessRepository(session).expire(key_id, ends)
    services.callers.forget()
    return made


@router.get("/audit", operation_id="list_audit", responses=problems(422))
def audit(
    services: Wired,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="next of the page before.")] = None,
) -> dict[str, Any]:
    """Who changed what in this project, and what was refused; newest first."""
    with services.database.reading() as session:
        page = AccessRepository(session).audit(services.project, limit, cursor)
    return page_body(page, _line)


def shown(key: Key) -> dict[str, Any]:
    """A key as it is sent, without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "project": key.project,
        "created_at": key.created_at.isoformat(),
        "expires_at": _text(key.expires_at),
        "revoked_at": _text(key.revoked_at),
    }


def _made(services: Services, name: str, scope: str, ends: datetime | None) -> Response:
    if not services.settings.requires_keys:
        raise Problem(
            409,
            "this service runs without keys",
            hint="Maybe start it with shardwright serve --keys; shardwright keys create makes the first one.",
        )
    secret = new_secret()
    with services.database.writing() as session:
        made = AccessRepository(session).add_key(services.project, name, scope, secret, ends)
    return JSONResponse({**shown(made), "secret": secret}, status_code=201)


def _find(services: Services, key_id: str) -> Key:
    with services.database.reading() as session:
        found = AccessRepository(session).key(key_id, services.project)
    if found is None:
        raise not_found("key", key_id)
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME:
        raise InvalidInput(f"a name is a text of 1 to {MAX_NAME} characters", pointer="/name")
    check_texts(value, "/name")
    return value


def _scope(value: Any) -> str:
    if not isinstance(value, str) or value not in SCOPES:
        raise InvalidInput(
            f"scope {str(value)[:40]!r} is not known",
            pointer="/scope",
            hint=f"Maybe one of: {', '.join(SCOPES)}.",
        )
    return value


def _number(request: dict[str, Any], name: str, most: float, least: float = LEAST_DAYS) -> float | None:
    value = request.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(
            f"{name} is a number from {least:g} to {most:g}, got {value!r:.40}", pointer=f"/{name}"
        )
    return float(value)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _line(deed: Deed) -> dict[str, Any]:
    return {
        "number": deed.number,
        "at": _text(deed.at),
        "actor": deed.actor,
        "action": deed.action,
        "subject": deed.subject,
        "detail": deed.detail,
    }
