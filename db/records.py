"""What the repositories hand out: values, never rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One revision of a stored document."""

    id: str
    kind: str
    name: str
    revision: int
    body: Any
    sha256: str
    refs: dict[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job; ``revisions`` maps the id of each stored document it used to its revision."""

    id: str
    project: str
    kind: str
    priority: int
    state: str
    phase: str | None
    incumbent: float | None
    bound: float | None
    gap: float | None
    scenario: Any
    scenario_name: str
    revisions: dict[str, int]
    error: dict[str, Any] | None
    attempts: int
    question_sha256: str | None
    answered_by: str | None
    sweep_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a job."""

    number: int
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """One ranked plan with the job it came from."""

    id: str
    job_id: str
    rank: int
    objective_value: float
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some records in order; ``next`` is where the following page begins, None at the end."""

    items: tuple[Any, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that runs jobs."""

    id: str
    host: str
    pid: int
    slots: int
    beat: int
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One scenario with axes; ``done`` of its ``total`` points have an outcome."""

    id: str
    name: str
    scenario: Any
    axes: Any
    revisions: dict[str, int]
    total: int
    done: int
    state: str
    statuses: dict[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """The outcome of one scenario of a sweep, as the JSON text that was stored."""

    number: int
    status: str
    body: str
