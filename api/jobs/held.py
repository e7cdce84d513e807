"""A job in work and the process that works on it."""

from dataclasses import dataclass

from api.jobs.solve_process import SolveProcess
from db.records import Job


@dataclass(slots=True)
class Held:
    """A job this process works on, and the child that does the work."""

    job: Job
    process: SolveProcess
