"""Sweeps: one scenario solved for every combination of values along some axes."""

import csv
import io
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, StreamingResponse

from api.body_schemas import AXES, DENSE, closed, component
from api.intake import RETRY_AFTER_S, Key, key_used, too_many
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body, problems
from api.paging import DEFAULT_LIMIT, Cursor, Limit, page_body
from api.pointing import under
from api.problems import not_found
from api.services import Services, Wired
from api.submission import checked_scenario
from db.documents import digest
from db.job_intake import JobIntake
from db.job_work import JobWork
from db.jobs import JobRepository
from db.records import Sweep, SweepPoint
from db.request_keys import RequestKeyRepository
from db.sweeps import SweepRepository
from models import codec
from models.scenario import Scenario
from models.sweep import Axes
from planner import sweep as planner_sweep

MOST_IN_A_BATCH = 50
BATCHES_PER_SLOT = 4
"""A sweep is cut fine enough that no slot waits long for the last batch."""
FIGURES = ("objective_value", "bound", "gap", "devices_used", "usd_per_hour", "watt")
router = APIRouter(prefix="/v1/sweeps", tags=["sweeps"])
_LINES = {
    "application/x-ndjson": {"schema": component("SweepPoint")},
    "text/csv": {"schema": {"type": "string"}},
}
_BODY = json_body(
    "A scenario, and fields of it (named as in relaxations) with the values each is to take.",
    {"scenario": DENSE, "axes": [{"change": "cluster.pools.main.nodes", "values": [1, 2, 4]}]},
    closed({"scenario": component("SentScenario"), "axes": AXES}),
)


@router.post(
    "",
    status_code=202,
    operation_id="submit_sweep",
    openapi_extra=_BODY,
    responses={**BODY_PROBLEMS, **problems(429, 501)},
)
def create(services: Wired, request: JsonObject, idempotency_key: Key = None) -> Response:
    """Check every value by itself and queue the combinations in batches."""
    made = store(services, request, idempotency_key)
    headers = {"Location": f"/v1/sweeps/{made.id}", "Retry-After": RETRY_AFTER_S}
    return JSONResponse(shown(made), status_code=HTTPStatus.ACCEPTED, headers=headers)


def store(services: Services, request: dict[str, Any], key: str | None = None) -> Sweep:
    """A sweep that was checked, stored and queued; the one of the same request before, where there is one."""
    only_keys(request, {"scenario", "axes"}, set())
    with under("/scenario"):
        scenario, revisions = checked_scenario(services, request["scenario"])
    axes = codec.from_plain(Axes, {"axes": request["axes"]})
    settings = services.settings
    planner_sweep.check(codec.from_plain(Scenario, scenario), axes.axes, settings.max_sweep_points)
    total = planner_sweep.total(axes.axes)
    with services.database.writing() as session:
        before = _before(services, session, request, key)
        if before is not None:
            return before
        if JobIntake(session).waiting() >= settings.max_waiting_jobs:
            raise too_many()
        made = SweepRepository(session, services.project).add(
            scenario,
            codec.to_plain(axes)["axes"],
            total,
            revisions=revisions,
            batch=batch_size(total, settings.workers or 1),
        )
        if key is not None:
            first = JobWork(session).of_sweep(made.id)[0]
            RequestKeyRepository(session, services.project).add(key, digest(request), first)
    services.queue.submit(made.id)
    return made


def _before(services: Services, session: Session, request: dict[str, Any], key: str | None) -> Sweep | None:
    """The sweep a key stands for, found by the first of its jobs."""
    used = None if key is None else RequestKeyRepository(session, services.project).get(key)
    if used is None:
        return None
    job = JobRepository(session, services.project).get(used.job_id)
    if used.request_sha256 != digest(request) or job is None or job.sweep_id is None:
        raise key_used()
    return SweepRepository(session, services.project).get(job.sweep_id)


@router.get("", operation_id="list_sweeps", responses=problems(422))
def listing(services: Wired, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> dict[str, Any]:
    """List sweeps, newest first."""
    with services.database.reading() as session:
        page = SweepRepository(session, services.project).page(limit, cursor)
    return page_body(page, shown)


@router.get("/{sweep_id}", operation_id="get_sweep", responses=problems(404))
def get(services: Wired, sweep_id: str) -> dict[str, Any]:
    """How far a sweep is."""
    found = find(services, sweep_id)
    return {**shown(found), "axes": found.axes}


@router.get(
    "/{sweep_id}/results",
    operation_id="get_sweep_results",
    responses={**problems(404, 422), 200: {"description": "Lines", "content": _LINES}},
    response_class=StreamingResponse,
)
def results(
    services: Wired,
    sweep_id: str,
    format: Annotated[Literal["jsonl", "csv"], Query(description="JSON Lines or CSV.")] = "jsonl",
) -> StreamingResponse:
    """One line per combination that has an outcome by now, in order of their numbers."""
    found = find(services, sweep_id)
    if format == "csv":
        return StreamingResponse(_csv(services, found), media_type="text/csv; charset=utf-8")
    return StreamingResponse(_json_lines(services, found), media_type="application/x-ndjson")


@router.delete("/{sweep_id}", operation_id="cancel_sweep", responses=problems(404))
def cancel(services: Wired, sweep_id: str) -> dict[str, Any]:
    """Stop a sweep; the outcomes it has stay."""
    find(services, sweep_id)
    with services.database.writing() as session:
        sweeps = SweepRepository(session, services.project)
        sweeps.cancel(sweep_id)
        stopped = sweeps.jobs(sweep_id)
        for job_id in stopped:
            JobRepository(session, services.project).cancel(job_id)
    for job_id in stopped:
        services.queue.cancel(job_id)
    return shown(find(services, sweep_id))


def batch_size(total: int, slots: int) -> int:
    """Points per job."""
    return max(1, min(MOST_IN_A_BATCH, total // (BATCHES_PER_SLOT * slots)))


def find(services: Services, sweep_id: str) -> Sweep:
    """One sweep, or the problem that there is none."""
    with services.database.reading() as session:
        found = SweepRepository(session, services.project).get(sweep_id)
    if found is None:
        raise not_found("sweep", sweep_id)
    return found


def shown(sweep: Sweep) -> dict[str, Any]:
    """A sweep as it is sent."""
    where = f"/v1/sweeps/{sweep.id}"
    return {
        "id": sweep.id,
        "scenario_name": sweep.name,
        "state": sweep.state,
        "total": sweep.total,
        "done": sweep.done,
        "failed": sum(sweep.statuses.get(status, 0) for status in ("failed", "expired", "invalid")),
        "statuses": sweep.statuses,
        "revisions": sweep.revisions,
        "created_at": sweep.created_at.isoformat(),
        "links": {"self": where, "results": f"{where}/results"},
    }


def _points(services: Services, sweep: Sweep) -> Iterator[SweepPoint]:
    with services.database.reading() as session:
        yield from SweepRepository(session, services.project).points(sweep.id)


def _json_lines(services: Services, sweep: Sweep) -> Iterator[str]:
    for point in _points(services, sweep):
        yield f"{point.body}\n"


def _csv(services: Services, sweep: Sweep) -> Iterator[str]:
    """Number, the changed fields, status, figures of the best plan, its groups."""
    names = [axis["change"] for axis in sweep.axes]
    yield _row(["number", *names, "status", "reason", *FIGURES, "groups"])
    for point in _points(services, sweep):
        body = json.loads(point.body)
        outcome = body["outcome"] or {}
        changes = [_cell(body["changes"].get(name)) for name in names]
        figures = [outcome.get(figure) for figure in FIGURES]
        groups = "; ".join(outcome.get("groups", ()))
        yield _row([point.number, *changes, point.status, body["reason"], *figures, groups])


def _cell(value: Any) -> Any:
    """A value of the scenario in one cell; what spreadsheets would run as a formula is made text."""
    plain = value if isinstance(value, int | float | str) or value is None else json.dumps(value)
    return f"'{plain}" if isinstance(plain, str) and plain[:1] in ("=", "+", "-", "@") else plain


def _row(cells: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
