"""From a question to a stored, queued job: checked first, so that nothing wrong is ever stored."""

from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.document_bounds import check_texts
from api.document_kinds import check_scenario
from api.problems import Problem, not_found
from api.references import resolve
from api.services import Services
from db.documents import DocumentRepository, digest
from db.jobs import NORMAL, JobRepository, NewJob
from db.records import Job
from db.request_keys import RequestKeyRepository
from models import catalog
from models.errors import InvalidInput

RETRY_AFTER_S = "1"


def checked_scenario(services: Services, document: Any) -> tuple[Any, dict[str, int]]:
    """A scenario with its references replaced and every field checked, and the revisions it used."""
    if not isinstance(document, dict):
        raise InvalidInput("a scenario is a JSON object")
    check_texts(document)
    with services.database.reading() as session:
        resolved, used = resolve(document, DocumentRepository(session, services.project).get)
    return check_scenario(resolved), used


def stored_scenario(services: Services, key: str, revision: int | None) -> tuple[Any, dict[str, int]]:
    """A stored scenario and the revisions it stands for, its own among them."""
    with services.database.reading() as session:
        found = DocumentRepository(session, services.project).get("scenarios", key, revision)
    if found is None:
        raise not_found("scenario", key)
    return found.body, {found.id: found.revision, **found.refs}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checked question, ready to be stored: what is asked, how urgent it is, how to know it again."""

    scenario: Any
    revisions: dict[str, int]
    priority: int = NORMAL
    key: str | None = None
    request: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job of a request; ``is_known``: its question had an answer already."""

    job: Job
    is_new: bool

    @property
    def is_known(self) -> bool:
        """Whether it is answered from before."""
        return self.job.answered_by is not None


def submit(services: Services, asked: Submission) -> Submitted:
    """Store a job and queue it; the same ``Idempotency-Key`` with the same request gives the same job."""
    question = question_sha256(asked.scenario)
    try:
        made = services.writer.run(lambda session: _stored(services, session, asked, question))
    except IntegrityError:  # another server stored the key in between
        made = services.writer.run(lambda session: _stored(services, session, asked, question))
    if made.is_new and not made.is_known:
        services.queue.submit(made.job.id)
    return made


def question_sha256(scenario: Any) -> str:
    """Hash of everything an answer depends on: the normalised scenario, the catalogue, this version."""
    return digest({"scenario": scenario, "version": version("shardwright"), "catalogue": catalog.sha256()})


def _stored(services: Services, session: Session, asked: Submission, question: str) -> Submitted:
    """The job of a request, found or stored just now."""
    before = _same_request(services, session, asked)
    if before is not None:
        return Submitted(job=before, is_new=False)
    jobs = JobRepository(session, services.project)
    check_room(services, jobs)
    job = jobs.store(
        NewJob(
            scenario=asked.scenario,
            name=asked.scenario["name"],
            revisions=asked.revisions,
            priority=asked.priority,
            question_sha256=question,
        )
    )
    if asked.key is not None:
        keys = RequestKeyRepository(session, services.project)
        keys.add(asked.key, digest(asked.request), job.id)
    return Submitted(job=job, is_new=True)


def check_room(services: Services, jobs: JobRepository) -> None:
    """Refuse a job where too many wait already."""
    if jobs.waiting() >= services.settings.max_waiting_jobs:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too many jobs are waiting",
            hint="Maybe try again in a moment.",
            headers={"Retry-After": RETRY_AFTER_S},
        )


def _same_request(services: Services, session: Session, asked: Submission) -> Job | None:
    keys = RequestKeyRepository(session, services.project)
    used = keys.get(asked.key) if asked.key is not None else None
    if used is None:
        return None
    if used.request_sha256 != digest(asked.request):
        raise InvalidInput(
            "this Idempotency-Key was used for another request", hint="Maybe make a new key for it."
        )
    return JobRepository(session, services.project).get(used.job_id)
