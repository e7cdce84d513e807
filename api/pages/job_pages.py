"""``/jobs`` and ``/jobs/{id}``: history, progress, answers."""

import json

from fastapi import APIRouter, Depends, Response
from starlette.responses import RedirectResponse

from api.pages.answer_page import answer_page
from api.pages.rendering import page
from api.pages.same_origin import same_origin
from api.paging import DEFAULT_LIMIT, Cursor
from api.render.progress import PHASES
from api.routes import plan_jobs
from api.services import Services, Wired
from db.answers import AnswerRepository
from db.jobs import JobRepository
from models import codec
from models.plan import RankedPlans
from planner.views import VIEWS

router = APIRouter(include_in_schema=False)
REFRESH_S = 1


@router.get("/jobs")
def history(services: Wired, cursor: Cursor = None) -> Response:
    """Every job, newest first."""
    with services.database.reading() as session:
        found = JobRepository(session, services.project).page(DEFAULT_LIMIT, cursor)
    return page("jobs.html", jobs=found.items, next=found.next)


@router.get("/jobs/{job_id}")
def job(services: Wired, job_id: str, view: str = VIEWS[0]) -> Response:
    """Progress while a job runs, then its answer; an order that is not known is the ranked one."""
    found = plan_jobs.find(services, job_id)
    answer = stored_answer(services, job_id)
    if answer is None:
        finished = found.state in plan_jobs.FINISHED
        refresh = 0 if finished else REFRESH_S
        return page("progress.html", job=found, finished=finished, refresh=refresh, phases=PHASES)
    return answer_page(found, answer, next((v for v in VIEWS if v == view), VIEWS[0]))


@router.post("/jobs/{job_id}/cancel", dependencies=[Depends(same_origin)])
def cancel(services: Wired, job_id: str) -> Response:
    """Stop a job and show what became of it."""
    plan_jobs.cancel(services, job_id)
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)


def stored_answer(services: Services, job_id: str) -> RankedPlans | None:
    """The answer of a job; None while there is none."""
    with services.database.reading() as session:
        text = AnswerRepository(session, services.project).text(job_id)
    return None if text is None else codec.from_plain(RankedPlans, json.loads(text))
