"""``/jobs``, ``/jobs/{id}`` and ``/plans/{id}``: history, progress, answers."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.pages.form_token import form_page, own_form
from api.pages.job_search import search_jobs
from api.pages.pictures import curve
from api.pages.plan_view import plan_view
from api.pages.rendering import page
from api.pages.running import running
from api.paging import DEFAULT_LIMIT, Cursor
from api.render.summary import dropped_line, headline, search_line
from api.render.verdict import MEANINGS
from api.routes import plan_jobs, plans
from api.services import Services, Wired
from db.answers import AnswerRepository
from db.jobs import JobRepository
from models import codec
from models.plan import RankedPlans

router = APIRouter(include_in_schema=False)
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired")
State = Annotated[str, Query(pattern=f"^({'|'.join(STATES)})?$")]
Name = Annotated[str, Query(max_length=200)]


@router.get("/jobs")
def history(services: Wired, cursor: Cursor = None, state: State = "", name: Name = "") -> Response:
    """Every job, newest first, or those of a state or a name."""
    with services.database.reading() as session:
        found = search_jobs(JobRepository(session), DEFAULT_LIMIT, cursor, state or None, name)
    return page(
        "jobs.html", jobs=found.items, next=found.next, first=cursor is None,
        states=STATES, state=state, name=name,
    )  # fmt: skip


@router.get("/jobs/{job_id}")
def job(request: Request, services: Wired, job_id: str) -> Response:
    """Progress while a job runs, then its answer."""
    found = plan_jobs.find(services, job_id)
    answer = _answer(services, job_id)
    if answer is None:
        return form_page(request, "progress.html", **running(services, found))
    statuses = {verdict.status for plan in answer.plans for verdict in plan.slo.values()}
    return page(
        "answer.html",
        job=found,
        answer=answer,
        views=[plan_view(plan, answer) for plan in answer.plans],
        curve=curve(answer),
        headline=headline(answer),
        searched=search_line(answer),
        dropped=dropped_line(answer),
        meanings=[words for status, words in MEANINGS.items() if status in statuses],
    )


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(own_form())])
def cancel(services: Wired, job_id: str) -> Response:
    """Stop a job and show what became of it."""
    plan_jobs.cancel(services, job_id)
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)


@router.get("/plans/{plan_id}")
def plan(services: Wired, plan_id: str) -> Response:
    """One plan on a page of its own."""
    stored, found = plans.find(services, plan_id)
    answer = _answer(services, found.id)
    assert answer is not None  # plans are stored together with their answer
    shown = next(p for p in answer.plans if p.rank == stored.rank)
    return page("plan.html", job=found, answer=answer, view=plan_view(shown, answer))


def _answer(services: Services, job_id: str) -> RankedPlans | None:
    with services.database.reading() as session:
        text = AnswerRepository(session).text(job_id)
    return None if text is None else codec.from_plain(RankedPlans, json.loads(text))
