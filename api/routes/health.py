"""Whether the service lives, and whether it can work."""

from fastapi import APIRouter

from api.openapi import problems
from api.problems import Problem
from api.services import Wired

router = APIRouter(tags=["operation"])


@router.get("/healthz", operation_id="alive")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", operation_id="ready", responses=problems(503))
def ready(services: Wired) -> dict[str, str]:
    """The database answers."""
    try:
        services.database.ready()
    except Exception:
        raise Problem(503, "the database does not answer") from None
    return {"status": "ready"}
