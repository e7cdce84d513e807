"""Plan jobs: submit a scenario, follow it, fetch its answer, cancel it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from api.body_schemas import SCENARIOS, closed, component
from api.instants import Instant, instant
from api.intake import RETRY_AFTER_S, Key, Submission
from api.json_body import JsonObject, only_keys
from api.openapi import BODY_PROBLEMS, json_body, problems
from api.paging import DEFAULT_LIMIT, Cursor, Limit, page_body
from api.pointing import under
from api.problems import Problem, not_found
from api.references import has_inline_model, has_references, read_revision
from api.services import Services, Wired
from api.submission import checked_scenario, stored_scenario, submit_soon
from db.answers import AnswerRepository
from db.job_intake import HIGH, LOW, NORMAL, PLAN
from db.jobs import JobFilter, JobRepository
from db.records import Job
from models.errors import InvalidInput

router = APIRouter(prefix="/v1/plan-jobs", tags=["plan-jobs"])
FINISHED = ("succeeded", "failed", "cancelled", "expired")
STATES = "^(queued|running|succeeded|failed|cancelled|expired)$"
STATUSES = "^(optimal|feasible|infeasible|time_limit)$"
PRIORITIES = {"high": HIGH, "normal": NORMAL, "low": LOW}
NAMES = {value: name for name, value in PRIORITIES.items()}
_PRIORITY = {"priority": {"enum": ["high", "normal", "low"], "default": "normal"}}
_REVISION = {"revision": {"type": ["integer", "null"], "minimum": 1}}
_BODY = json_body(
    'A scenario, or "scenario_id" of a stored one with an optional "revision"; optionally a "priority".',
    {"scenario": SCENARIOS["dense"]},
    {
        "oneOf": [
            closed({"scenario": component("SentScenario")}, _PRIORITY),
            closed({"scenario_id": {"type": "string"}}, {**_REVISION, **_PRIORITY}),
        ]
    },
    **{name: {"scenario": scenario} for name, scenario in SCENARIOS.items() if name != "dense"},
)


@router.post(
    "",
    status_code=202,
    operation_id="submit_plan_job",
    openapi_extra=_BODY,
    responses={**BODY_PROBLEMS, **problems(404, 429, 501)},
)
async def create(services: Wired, request: JsonObject, idempotency_key: Key = None) -> Response:
    """Check a scenario and queue it; the answer is fetched from the job."""
    asked, priority = _without_priority(request)
    scenario, revisions = await _checked(services, asked)
    submission = Submission(
        scenario=scenario,
        revisions=revisions,
        project=services.project,
        priority=priority,
        key=idempotency_key,
        request=request,
    )
    made = await submit_soon(services, submission)
    headers = {
        "Location": f"/v1/plan-jobs/{made.job.id}",
        "Retry-After": RETRY_AFTER_S,
        "X-Cache": "miss" if made.job.answered_by is None else "hit",
    }
    return JSONResponse(shown(made.job), status_code=202, headers=headers)


async def _checked(services: Services, asked: dict[str, Any]) -> tuple[Any, dict[str, int]]:
    """The question; a plain scenario is checked at once, what needs the database or long, elsewhere."""
    scenario = asked.get("scenario")
    plain = isinstance(scenario, dict) and not has_references(scenario) and not has_inline_model(scenario)
    if plain:
        return _question(services, asked)
    return await run_in_threadpool(_question, services, asked)


def _without_priority(request: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The rest of a request, and how urgent it is."""
    name = request.get("priority", "normal")
    if not isinstance(name, str) or name not in PRIORITIES:
        raise InvalidInput(
            f"priority {str(name)[:40]!r} is not known",
            pointer="/priority",
            hint=f"Maybe one of: {', '.join(PRIORITIES)}.",
        )
    return {key: value for key, value in request.items() if key != "priority"}, PRIORITIES[name]


def wanted_jobs(
    state: Annotated[str | None, Query(pattern=STATES)] = None,
    status: Annotated[str | None, Query(pattern=STATUSES, description="Of the answer.")] = None,
    name: Annotated[str | None, Query(max_length=300, description="Part of the scenario's name.")] = None,
    created_after: Instant = None,
    created_before: Instant = None,
) -> JobFilter:
    """Which jobs a list is to hold."""
    return JobFilter(
        state=state,
        status=status,
        name=name,
        created_after=instant("created_after", created_after),
        created_before=instant("created_before", created_before),
    )


@router.get("", operation_id="list_plan_jobs", responses=problems(422))
def listing(
    services: Wired,
    wanted: Annotated[JobFilter, Depends(wanted_jobs)],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List jobs, newest first."""
    with services.database.reading() as session:
        page = JobRepository(session, services.project).page(limit, cursor, wanted)
    return page_body(page, shown)


@router.get("/{job_id}", operation_id="get_plan_job", responses=problems(404))
def get(services: Wired, job_id: str) -> Response:
    """Where a job stands."""
    job = find(services, job_id)
    headers = {} if job.state in FINISHED else {"Retry-After": RETRY_AFTER_S}
    return JSONResponse(shown(job), headers=headers)


@router.get("/{job_id}/result", operation_id="get_plan_job_result", responses=problems(404, 409))
def result(services: Wired, job_id: str) -> Response:
    """The answer (shardwright.plans/1); infeasible is an answer too."""
    job = find(services, job_id)
    with services.database.reading() as session:
        text = AnswerRepository(session, services.project).text(job_id)
    if text is None:
        raise _no_answer(job)
    return Response(text, media_type="application/json")


@router.delete("/{job_id}", operation_id="cancel_plan_job", responses=problems(404))
def cancel(services: Wired, job_id: str) -> Response:
    """Stop a job at once; what was found so far stays in its figures. Finished jobs stay as they are."""
    find(services, job_id)
    with services.database.writing() as session:
        cancelled = JobRepository(session, services.project).cancel(job_id)
    if cancelled:
        services.queue.cancel(job_id)
    return JSONResponse(shown(find(services, job_id)))


def find(services: Services, job_id: str) -> Job:
    """One job, or the problem that there is none."""
    with services.database.reading() as session:
        job = JobRepository(session, services.project).get(job_id)
    if job is None or job.kind != PLAN:
        raise not_found("plan job", job_id)
    return job


def shown(job: Job) -> dict[str, Any]:
    """A job as it is sent."""
    where = f"/v1/plan-jobs/{job.id}"
    body: dict[str, Any] = {
        "id": job.id,
        "scenario_name": job.scenario_name,
        "state": job.state,
        "priority": NAMES.get(job.priority, str(job.priority)),
        "phase": job.phase,
        "status": job.status,
        "incumbent": job.incumbent,
        "bound": job.bound,
        "gap": job.gap,
        "error": job.error,
        "attempts": job.attempts,
        "question_sha256": job.question_sha256,
        "answered_by": job.answered_by,
        "revisions": job.revisions,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "links": {"self": where, "result": f"{where}/result", "events": f"{where}/events"},
    }
    return body


def _question(services: Services, request: dict[str, Any]) -> tuple[Any, dict[str, int]]:
    if "scenario_id" not in request:
        only_keys(request, {"scenario"}, {"scenario_id", "revision"})
        if "revision" in request:
            raise InvalidInput("a revision needs a scenario_id", pointer="/revision")
        with under("/scenario"):
            return checked_scenario(services, request["scenario"])
    only_keys(request, {"scenario_id"}, {"revision"})
    key = request["scenario_id"]
    if not isinstance(key, str):
        raise InvalidInput("an id is a text", pointer="/scenario_id")
    return stored_scenario(services, key, read_revision(request.get("revision"), "/revision"))


def _no_answer(job: Job) -> Problem:
    if job.state in FINISHED:
        detail = (job.error or {}).get("detail", "")
        return Problem(
            409, f"the job ended as {job.state}, without an answer" + (f": {detail}" if detail else "")
        )
    return Problem(
        409,
        f"the job is {job.state}",
        hint="Maybe ask again when its state is succeeded.",
        headers={"Retry-After": RETRY_AFTER_S},
    )
