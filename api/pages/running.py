"""A job without an answer: where it stands, how far it has come, how long it waits."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response

from api.pages.convergence import convergence
from api.pages.rendering import page
from api.render.progress import PHASES
from api.routes.plan_jobs import FINISHED, find
from api.services import Services, Wired
from db.clock import now
from db.jobs import JobRepository
from db.records import Job

router = APIRouter(include_in_schema=False)
REFRESH_S = 2
MOST_EVENTS = 2_000


@router.get("/jobs/{job_id}/progress")
def progress(services: Wired, job_id: str) -> Response:
    """The part of the page that changes, for the script that keeps it up to date."""
    return page("progress_now.html", **running(services, find(services, job_id)))


def running(services: Services, job: Job) -> dict[str, Any]:
    """What the page of an unanswered job shows."""
    with services.database.reading() as session:
        jobs = JobRepository(session, services.project)
        events = jobs.events(job.id, 0, MOST_EVENTS)
        ahead = jobs.ahead_of(job) if job.state == "queued" else 0
    finished = job.state in FINISHED
    return {
        "job": job,
        "finished": finished,
        "refresh": 0 if finished else REFRESH_S,
        "phases": PHASES,
        "reached": PHASES.index(job.phase) if job.phase in PHASES else -1,
        "chart": convergence(events),
        "ahead": ahead,
        "since": _aware(job.started_at or job.created_at),
        "elapsed_s": _elapsed_s(job),
    }


def _elapsed_s(job: Job) -> int:
    """Time since the start, or since it was asked while it waits; until its end once it has ended."""
    until = _aware(job.finished_at or now())
    return max(int((until - _aware(job.started_at or job.created_at)).total_seconds()), 0)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
