"""``/jobs`` and ``/jobs/{id}``: history, progress, answers."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.pages.answer_page import answer_page
from api.pages.form_token import form_page, own_form
from api.pages.rendering import page
from api.pages.running import running
from api.paging import DEFAULT_LIMIT, Cursor
from api.routes import plan_jobs
from api.services import Services, Wired
from db.answers import AnswerRepository
from db.jobs import JobFilter, JobRepository
from models import codec
from models.plan import RankedPlans
from planner.views import VIEWS

router = APIRouter(include_in_schema=False)
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired")
State = Annotated[str, Query(pattern=f"^({'|'.join(STATES)})?$")]
Name = Annotated[str, Query(max_length=200)]


@router.get("/jobs")
def history(services: Wired, cursor: Cursor = None, state: State = "", name: Name = "") -> Response:
    """Every job, newest first, or those of a state or a name."""
    with services.database.reading() as session:
        jobs = JobRepository(session, services.project)
        found = jobs.page(DEFAULT_LIMIT, cursor, JobFilter(state=state or None, name=name.strip() or None))
    return page(
        "jobs.html", jobs=found.items, next=found.next, first=cursor is None,
        states=STATES, state=state, name=name,
    )  # fmt: skip


@router.get("/jobs/{job_id}")
def job(request: Request, services: Wired, job_id: str, view: str = VIEWS[0]) -> Response:
    """Progress while a job runs, then its answer; an order that is not known is the ranked one."""
    found = plan_jobs.find(services, job_id)
    answer = stored_answer(services, job_id)
    if answer is None:
        return form_page(request, "progress.html", **running(services, found))
    return answer_page(found, answer, next((v for v in VIEWS if v == view), VIEWS[0]))


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(own_form())])
def cancel(services: Wired, job_id: str) -> Response:
    """Stop a job and show what became of it."""
    plan_jobs.cancel(services, job_id)
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)


def stored_answer(services: Services, job_id: str) -> RankedPlans | None:
    """The answer of a job; None while there is none."""
    with services.database.reading() as session:
        text = AnswerRepository(session, services.project).text(job_id)
    return None if text is None else codec.from_plain(RankedPlans, json.loads(text))
