"""What the service asks of whatever runs its jobs; state and events live in the database."""

from typing import Protocol


class SolveQueue(Protocol):
    """Runs stored jobs. Every method may be called from any thread."""

    def start(self) -> None:
        """Begin working; jobs a dead server left unfinished are taken up again."""

    def submit(self, job_id: str) -> None:
        """Run a job, or those of a sweep, whose rows are stored and committed."""

    def cancel(self, job_id: str) -> None:
        """Stop the work on a job already marked as cancelled."""

    def stop(self) -> None:
        """Stop all work at once; unfinished jobs are taken up by the next start."""
