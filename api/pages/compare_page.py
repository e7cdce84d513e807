"""``/compare``: two plans side by side."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from api.pages.rendering import page
from api.problems import Problem
from api.routes import plans
from api.services import Wired
from models import codec
from models.plan import Plan
from planner.plan_comparison import compare, group_words

router = APIRouter(include_in_schema=False)
Id = Annotated[str | None, Query(max_length=200)]
Ids = Annotated[list[str], Query(max_length=200)]


@router.get("/compare")
def comparison(services: Wired, request: Request, a: Id = None, b: Id = None, plan: Ids = []) -> Response:  # noqa: B006
    """Figures, groups and SLO of both; ``plan`` twice is what a selection sends."""
    if len(plan) == 2 and a is None and b is None:
        where = request.url_for("comparison").include_query_params(a=plan[0], b=plan[1])
        return RedirectResponse(f"{where.path}?{where.query}", status_code=303)
    if a is None or b is None:
        raise Problem(
            422,
            f"{len(plan) or 'fewer than two'} plans are chosen, a comparison takes two",
            hint="Maybe tick exactly two plans of an answer.",
        )
    sides = [plans.find(services, key) for key in (a, b)]
    one, two = (codec.from_plain(Plan, stored.body) for stored, _ in sides)
    return page(
        "compare.html",
        found=compare(one, two),
        plans=(one, two),
        jobs=[job for _, job in sides],
        groups=[[group_words(g) for g in p.groups] for p in (one, two)],
    )
