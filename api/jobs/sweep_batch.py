"""One batch of a sweep: its points one by one in a warm child, each stored as it comes."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from api.jobs.held import Held
from api.jobs.solve_process import LAST_WORDS
from db.job_work import JobWork
from db.records import Job
from db.sweeps import SweepWork
from planner import sweep

STOPPED = ("cancelled", "stopping")
Made = TypeVar("Made")


class Bench(Protocol):
    """Where a batch is worked on."""

    def write(self, action: Callable[[Session], Made]) -> Made:
        """Result of a transaction that is tried until the database takes it."""

    def ask(self, held: Held, question: Any, limit_s: float) -> Iterator[dict[str, Any]]:
        """What the child says to one question, within a time."""

    def renew(self, held: Held) -> None:
        """Another child."""

    def limit_s(self, scenario: Any) -> float:
        """Time one solve may take [s]."""


def run(runner: Bench, held: Held) -> None:
    """Solve what the batch lacks; a point that ends its process is told as such, and the others go on."""
    batch, sweep_id = held.job.scenario, held.job.sweep_id
    assert sweep_id is not None
    missing = runner.write(lambda s: SweepWork(s).missing(sweep_id, batch["first"], batch["count"]))
    limit_s = runner.limit_s(batch["scenario"])
    for number in missing:
        question = {"scenario": batch["scenario"], "axes": batch["axes"], "point": number}
        last = next((m for m in runner.ask(held, question, limit_s) if m["kind"] in LAST_WORDS), None)
        if last is None and held.process.killed_for in STOPPED:
            return
        status, body = _outcome(held, number, last)
        if not runner.write(lambda s, n=number, o=(status, body): _store(s, held.job, n, o)):  # type: ignore[misc]
            held.process.kill("cancelled")
            return
        if not held.process.is_alive:
            runner.renew(held)
    runner.write(lambda session: JobWork(session).finish(held.job, "succeeded"))


def _store(session: Session, job: Job, number: int, outcome: tuple[str, str]) -> bool:
    """Store a point where the job still is ours; a point that is there already stays."""
    assert job.sweep_id is not None
    if not JobWork(session).is_ours(job):
        return False
    SweepWork(session).store(job.sweep_id, number, *outcome)
    return True


def _outcome(held: Held, number: int, last: dict[str, Any] | None) -> tuple[str, str]:
    """Status and text of a point from the child's last word, or from its end."""
    if last is not None and last["kind"] == "answer":
        return last["status"], last["text"]
    axes = held.job.scenario["axes"]
    if last is not None:
        status, reason = "failed", last["error"]["detail"]
    elif held.process.killed_for == "expired":
        status, reason = "expired", "the solve was killed at its time limit"
    else:
        status, reason = "failed", "the solve process ended without an answer"
    told = sweep.told_changes(axes, number)
    blank = {"outcome": None, "predicted": None}
    return status, json.dumps(
        {"number": number, "changes": told, "status": status, "reason": reason, **blank}
    )
