"""Server-sent events of a job, read from its table: a late reader misses nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api.openapi import problems
from api.routes.plan_jobs import FINISHED, find
from api.services import Services, Wired
from db.jobs import JobRepository
from db.records import Event

router = APIRouter(prefix="/v1/plan-jobs", tags=["plan-jobs"])
LOOK_EVERY_S = 0.25
HEARTBEAT_EVERY_S = 15.0
MAX_EVENT_NUMBER = 2**31 - 1


@router.get(
    "/{job_id}/events",
    operation_id="follow_plan_job",
    responses=problems(404, 422),
    response_class=StreamingResponse,
)
async def events(
    services: Wired,
    job_id: str,
    last_event_id: Annotated[int, Header(ge=0, le=MAX_EVENT_NUMBER)] = 0,
) -> StreamingResponse:
    """Progress, incumbents and the end of a job as text/event-stream; resumes after Last-Event-ID."""
    await run_in_threadpool(find, services, job_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(services, job_id, last_event_id), media_type="text/event-stream", headers=headers
    )


async def _stream(services: Services, job_id: str, after: int) -> AsyncIterator[str]:
    spoke_at = time.monotonic()
    while True:
        finished, found = await run_in_threadpool(_look, services, job_id, after)
        for event in found:
            after = event.number
            yield f"id: {event.number}\nevent: {event.kind}\ndata: {json.dumps(event.data)}\n\n"
        if found:
            spoke_at = time.monotonic()
        elif finished:
            return
        elif time.monotonic() - spoke_at > HEARTBEAT_EVERY_S:
            spoke_at = time.monotonic()
            yield ": still working\n\n"
        if not finished:
            await asyncio.sleep(LOOK_EVERY_S)


def _look(services: Services, job_id: str, after: int) -> tuple[bool, list[Event]]:
    with services.database.reading() as session:
        jobs = JobRepository(session, services.project)
        job = jobs.get(job_id)
        return job is None or job.state in FINISHED, jobs.events(job_id, after)
