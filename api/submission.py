"""From a question to a stored, queued job: checked first, so that nothing wrong is ever stored."""

from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.document_bounds import check_texts
from api.document_kinds import check_scenario
from api.problems import Problem, not_found
from api.references import resolve
from api.services import Services
from db.documents import DocumentRepository, digest
from db.jobs import JobRepository
from db.records import Job
from db.request_keys import RequestKeyRepository
from models.errors import InvalidInput

RETRY_AFTER_S = "1"


def checked_scenario(services: Services, document: Any) -> tuple[Any, dict[str, int]]:
    """A scenario with its references replaced and every field checked, and the revisions it used."""
    if not isinstance(document, dict):
        raise InvalidInput("a scenario is a JSON object")
    check_texts(document)
    with services.database.reading() as session:
        resolved, used = resolve(document, DocumentRepository(session).get)
    return check_scenario(resolved), used


def stored_scenario(services: Services, key: str, revision: int | None) -> tuple[Any, dict[str, int]]:
    """A stored scenario and the revisions it stands for, its own among them."""
    with services.database.reading() as session:
        found = DocumentRepository(session).get("scenarios", key, revision)
    if found is None:
        raise not_found("scenario", key)
    return found.body, {found.id: found.revision, **found.refs}


def submit(
    services: Services,
    scenario: Any,
    revisions: dict[str, int],
    *,
    key: str | None = None,
    request: Any = None,
) -> Job:
    """Store a job and queue it; the same ``Idempotency-Key`` with the same request gives the same job."""
    asked = (services, scenario, revisions, key, request)
    try:
        job, is_new = _stored(*asked)
    except IntegrityError:  # another request stored the key in between: PostgreSQL lets two write at once
        job, is_new = _stored(*asked)
    if is_new:
        services.queue.submit(job.id)
    return job


def _stored(
    services: Services, scenario: Any, revisions: dict[str, int], key: str | None, request: Any
) -> tuple[Job, bool]:
    """The job of a request, and whether it was stored just now."""
    with services.database.writing() as session:
        before = _same_request(session, key, request)
        if before is not None:
            return before, False
        jobs = JobRepository(session)
        if jobs.waiting() >= services.settings.max_waiting_jobs:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many jobs are waiting",
                headers={"Retry-After": RETRY_AFTER_S},
            )
        job = jobs.add(scenario, scenario["name"], revisions)
        if key is not None:
            RequestKeyRepository(session).add(key, digest(request), job.id)
    return job, True


def _same_request(session: Session, key: str | None, request: Any) -> Job | None:
    used = RequestKeyRepository(session).get(key) if key is not None else None
    if used is None:
        return None
    if used.request_sha256 != digest(request):
        raise InvalidInput(
            "this Idempotency-Key was used for another request", hint="Maybe make a new key for it."
        )
    return JobRepository(session).get(used.job_id)
