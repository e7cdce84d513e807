"""Questions become stored jobs: known requests are recognised, the rest is written together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Header
from sqlalchemy.orm import Session

from api.problems import Problem
from db.base import LOCAL_PROJECT
from db.documents import digest
from db.job_intake import NORMAL, JobIntake, NewJob
from db.jobs import JobRepository
from db.records import Job
from db.request_keys import RequestKeyRepository
from models import catalog
from models.errors import InvalidInput

RETRY_AFTER_S = "1"
Key = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
"""The header ``Idempotency-Key``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checked question, ready to be stored: what is asked, how urgent it is, how to know it again."""

    scenario: Any
    revisions: dict[str, int]
    project: str = LOCAL_PROJECT
    priority: int = NORMAL
    key: str | None = None
    request: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job of a request, and whether it was stored just now."""

    job: Job
    is_new: bool


class Intake:
    """Writes submissions of all projects.

    Parameters
    ----------
    max_waiting
        Unfinished jobs beyond which a new one is refused.
    """

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting

    def write_all(self, session: Session, asked: Sequence[Submission]) -> list[Submitted | Exception]:
        """A job for each submission, or why there is none."""
        room = self._max_waiting - JobIntake(session).waiting()
        made: dict[int, Submitted | Exception] = {}
        new: list[int] = []
        first: dict[tuple[str, str], int] = {}
        again: list[int] = []
        for i, each in enumerate(asked):
            if each.key is not None and (each.project, each.key) in first:
                again.append(i)
            elif (before := _before(session, each)) is not None:
                made[i] = before
            elif len(new) >= room:
                made[i] = too_many()
            else:
                new.append(i)
                if each.key is not None:
                    first[(each.project, each.key)] = i
        jobs = JobIntake(session).store([_new(asked[i]) for i in new])
        for i, job in zip(new, jobs, strict=True):
            made[i] = Submitted(job=job, is_new=True)
            _remember(session, asked[i], job)
        for i in again:
            made[i] = _before(session, asked[i]) or too_many()
        return [made[i] for i in range(len(asked))]


def too_many() -> Problem:
    """The queue is full."""
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too many jobs are waiting",
        hint="Maybe try again in a moment.",
        headers={"Retry-After": RETRY_AFTER_S},
    )


def key_used() -> InvalidInput:
    """An ``Idempotency-Key`` comes with another request than before."""
    return InvalidInput(
        "this Idempotency-Key was used for another request", hint="Maybe make a new key for it."
    )


def question_sha256(scenario: Any) -> str:
    """Hash of everything an answer depends on: the normalised scenario, the catalogue, this version."""
    return digest({"scenario": scenario, "made_by": _made_by()})


@cache
def _made_by() -> str:
    return f"{version('shardwright')} {catalog.sha256()}"


def _new(asked: Submission) -> NewJob:
    return NewJob(
        scenario=asked.scenario,
        name=asked.scenario["name"],
        revisions=asked.revisions,
        project=asked.project,
        priority=asked.priority,
        question_sha256=question_sha256(asked.scenario),
    )


def _before(session: Session, asked: Submission) -> Submitted | Exception | None:
    """The job the same request led to before; the refusal, where its key came with another request."""
    if asked.key is None:
        return None
    used = RequestKeyRepository(session, asked.project).get(asked.key)
    if used is None:
        return None
    if used.request_sha256 != digest(asked.request):
        return key_used()
    job = JobRepository(session, asked.project).get(used.job_id)
    return None if job is None else Submitted(job=job, is_new=False)


def _remember(session: Session, asked: Submission, job: Job) -> None:
    if asked.key is not None:
        keys = RequestKeyRepository(session, asked.project)
        keys.add(asked.key, digest(asked.request), job.id)
