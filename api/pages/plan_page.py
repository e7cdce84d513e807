"""``/plans/{id}``: one plan on a page of its own, and what a change would bring."""

from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Depends, Query, Request, Response

from api.pages.answer_page import prices
from api.pages.form_token import form_page, own_form, sent_fields
from api.pages.job_pages import stored_answer
from api.pages.plan_view import plan_view
from api.pages.plotly_script import plotly_path
from api.pages.step_view import step_view
from api.pages.what_if_form import Turned, read_turned
from api.render.faults import faults_of
from api.routes import plans
from api.services import Services, Wired
from db.records import Job
from models import codec
from models.errors import ShardwrightError
from models.plan import Plan, RankedPlans
from models.what_if import Changes, WhatIfAnswer
from planner.adjustable import adjustables

router = APIRouter(include_in_schema=False)
Number = Annotated[int, Query(ge=0, le=10_000)]


@router.get("/plans/{plan_id}")
def plan(services: Wired, request: Request, plan_id: str, group: Number = 0) -> Response:
    """One plan; ``group`` is the one whose step is taken apart."""
    return _shown(services, request, plan_id, group)


@router.post("/plans/{plan_id}/what-if", dependencies=[Depends(own_form())])
def what_if(
    services: Wired,
    request: Request,
    plan_id: str,
    typed: Annotated[dict[str, str], Depends(sent_fields)],
) -> Response:
    """The same page with the difference that the changed fields make; nothing is stored."""
    _, job = plans.find(services, plan_id)
    answer = stored_answer(services, job.id)
    assert answer is not None  # plans are stored together with their answer
    turned = read_turned(adjustables(answer.scenario), typed)
    outcome: WhatIfAnswer | None = None
    if turned.changes and not turned.faults:
        try:
            changes = codec.from_plain(Changes, {"changes": turned.changes}).changes
            outcome = plans.solved_what_if(services, answer.scenario, changes)
        except ShardwrightError as error:
            turned.faults += [fault.detail for fault in faults_of(error)]
    return _shown(services, request, plan_id, turned=turned, outcome=outcome)


def _shown(
    services: Services,
    request: Request,
    plan_id: str,
    group: int = 0,
    *,
    turned: Turned | None = None,
    outcome: WhatIfAnswer | None = None,
) -> Response:
    stored, job = plans.find(services, plan_id)
    answer = stored_answer(services, job.id)
    assert answer is not None  # plans are stored together with their answer
    found = next(p for p in answer.plans if p.rank == stored.rank)
    return shown_plan(request, job, answer, found, group=group, turned=turned, outcome=outcome)


def shown_plan(
    request: Request,
    job: Job,
    answer: RankedPlans,
    found: Plan,
    *,
    group: int = 0,
    turned: Turned | None = None,
    outcome: WhatIfAnswer | None = None,
) -> Response:
    """The page of one plan of an answer; of groups that are not there the last one is shown."""
    number = min(group, len(found.groups) - 1)
    step = step_view(answer.scenario, found, number)
    charted = step is not None and step.chart is not None
    values: dict[str, Any] = {
        "job": job, "answer": answer, "view": plan_view(found, answer), "step": step, "number": number,
        "plotly": plotly_path() if charted else "", "prices": prices(answer),
        "fields": adjustables(answer.scenario), "turned": turned or Turned(), "outcome": outcome,
        "plan_json": codec.to_json(found), "scenario_yaml": _yaml(codec.to_plain(answer.scenario)),
    }  # fmt: skip
    return form_page(request, "plan.html", 422 if turned and turned.faults else 200, **values)


def _yaml(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
