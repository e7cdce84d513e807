"""Ranked plans by id, each with the job and the revisions it came from."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from api import ids  # noqa: F401 - registers {name:id}
from api.body_schemas import CHANGES
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body, problems
from api.paging import DEFAULT_LIMIT, Limit, PlanCursor, page_body
from api.problems import not_found
from api.services import Services, Wired
from db.answers import AnswerRepository
from db.jobs import JobRepository
from db.records import Job, StoredPlan
from models import codec
from models.errors import InvalidInput
from models.scenario import Scenario
from models.what_if import Change, Changes, WhatIfAnswer

_CHANGES = json_body(
    "Fields of the scenario, named as in relaxations, and their new values.",
    {"changes": [{"change": "slo.chat.ttft_s.limit_s", "to": 2.3}]},
    CHANGES,
)
router = APIRouter(prefix="/v1/plans", tags=["plans"])


@router.get("", operation_id="list_plans", responses=problems(422))
def listing(services: Wired, limit: Limit = DEFAULT_LIMIT, cursor: PlanCursor = None) -> dict[str, Any]:
    """List plans: newest job first, by rank."""
    with services.database.reading() as session:
        page = AnswerRepository(session, services.project).page(limit, cursor)
    return page_body(page, _line)


@router.get("/{plan_id:id}", operation_id="get_plan", responses=problems(404))
async def get(services: Wired, plan_id: str) -> Response:
    """One ranked plan with its job and the revisions of the stored documents it used."""
    body = services.plans.get(services.project, plan_id)
    if body is None:
        body = await run_in_threadpool(_whole, services, plan_id)
        services.plans.put(services.project, plan_id, body)
    return Response(body, media_type="application/json")


def _whole(services: Services, plan_id: str) -> bytes:
    plan, job = find(services, plan_id)
    shown = {
        "id": plan.id,
        "job_id": job.id,
        "scenario_name": job.scenario_name,
        "revisions": job.revisions,
        "plan": plan.body,
        "links": {"self": f"/v1/plans/{plan.id}", "job": f"/v1/plan-jobs/{job.id}"},
    }
    return bytes(JSONResponse(shown).body)


@router.post(
    "/{plan_id:id}:what-if",
    operation_id="what_if",
    openapi_extra=_CHANGES,
    responses={**BODY_PROBLEMS, **problems(404, 422)},
)
def what_if(services: Wired, plan_id: str, request: JsonObject) -> dict[str, Any]:
    """Solve the plan's scenario again with changes and tell the difference; both sides are proven."""
    only_keys(request, {"changes"}, set())
    _, job = find(services, plan_id)
    changes = codec.from_plain(Changes, request).changes
    try:
        answer = solved_what_if(services, codec.from_plain(Scenario, job.scenario), changes)
    except InvalidInput as error:
        raise _in_changes(error) from None
    plain: dict[str, Any] = codec.to_plain(answer)
    return plain


def _in_changes(error: InvalidInput) -> InvalidInput:
    """What is wrong with the changed scenario, told at the changes: there its pointers lead nowhere."""
    faults = tuple(
        fault
        if fault.pointer.startswith("/changes")
        else replace(fault, pointer="/changes", detail=f"{fault.pointer}: {fault.detail}")
        for fault in error.faults
    )
    first = faults[0]
    return type(error)(first.detail, pointer=first.pointer, hint=first.hint, faults=faults)


def solved_what_if(services: Services, scenario: Scenario, changes: tuple[Change, ...]) -> WhatIfAnswer:
    """Before and after, each solved within the time of calls that answer at once."""
    from planner.what_if import what_if

    limit_s = min(scenario.options.time_limit_s, services.settings.check_time_limit_s)
    bounded = replace(scenario, options=replace(scenario.options, time_limit_s=limit_s))
    return what_if(bounded, changes)


def find(services: Services, plan_id: str) -> tuple[StoredPlan, Job]:
    """A plan and its job, or the problem that there is none."""
    with services.database.reading() as session:
        plan = AnswerRepository(session, services.project).plan(plan_id)
        job = JobRepository(session, services.project).get(plan.job_id) if plan is not None else None
    if plan is None or job is None:
        raise not_found("plan", plan_id)
    return plan, job


def _line(plan: StoredPlan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "job_id": plan.job_id,
        "rank": plan.rank,
        "objective_value": plan.objective_value,
        "links": {"self": f"/v1/plans/{plan.id}", "job": f"/v1/plan-jobs/{plan.job_id}"},
    }
