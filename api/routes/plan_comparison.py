"""Two stored plans side by side."""

from typing import Any

from fastapi import APIRouter

from api.body_schemas import closed
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body, problems
from api.routes.plans import find
from api.services import Wired
from models import codec
from models.errors import InvalidInput
from models.plan import Plan

_IDS = json_body(
    "Ids of two plans.",
    {"a": "plan-0123456789abcdef", "b": "plan-fedcba9876543210"},
    closed({"a": {"type": "string"}, "b": {"type": "string"}}),
)
router = APIRouter(tags=["plans"])


@router.post(
    "/v1/plans:compare",
    operation_id="compare_plans",
    openapi_extra=_IDS,
    responses={**BODY_PROBLEMS, **problems(404, 422)},
)
def compare_plans(services: Wired, request: JsonObject) -> dict[str, Any]:
    """Figures of both plans with their differences, and the groups that only one of them has."""
    from planner.plan_comparison import compare

    only_keys(request, {"a", "b"}, set())
    for name in ("a", "b"):
        if not isinstance(request[name], str):
            raise InvalidInput("an id is a text", pointer=f"/{name}")
    a, b = (codec.from_plain(Plan, find(services, request[name])[0].body) for name in ("a", "b"))
    plain: dict[str, Any] = codec.to_plain(compare(a, b))
    return plain
