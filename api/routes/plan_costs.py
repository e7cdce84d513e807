"""Where the time of a stored plan goes: the cost graph and the roofline of one of its groups."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.openapi import problems
from api.routes.plans import find
from api.services import Services, Wired
from models import codec
from models.plan import Plan
from models.scenario import Scenario

router = APIRouter(prefix="/v1/plans", tags=["plans"])
Number = Annotated[int, Query(ge=0, le=10_000, description="Number of the group in the plan, from 0.")]


@router.get("/{plan_id}/cost-graph", operation_id="get_plan_cost_graph", responses=problems(404, 422))
def cost_graph(services: Wired, plan_id: str, group: Number = 0) -> dict[str, Any]:
    """Operations and exchanges of one step of a group at its planned batch, with the critical path."""
    from planner.plan_graph import plan_graph

    plain: dict[str, Any] = codec.to_plain(plan_graph(*_question(services, plan_id), group))
    return plain


@router.get("/{plan_id}/roofline", operation_id="get_plan_roofline", responses=problems(404, 422))
def roofline(services: Wired, plan_id: str, group: Number = 0) -> dict[str, Any]:
    """Operators of that step against the peaks of their device."""
    from planner.roofline_view import plan_roofline

    plain: dict[str, Any] = codec.to_plain(plan_roofline(*_question(services, plan_id), group))
    return plain


def _question(services: Services, plan_id: str) -> tuple[Scenario, Plan]:
    stored, job = find(services, plan_id)
    return codec.from_plain(Scenario, job.scenario), codec.from_plain(Plan, stored.body)
