"""Everything the client raises on purpose, as one small tree.

ShardwrightClientError
  Refused          the service (or, before anything was sent, the client) refuses the request
  JobFailed        the job ended without an answer
  JobCancelled     somebody cancelled the job
  NotFinished      the time given to wait() is over; the job goes on
  NotReachable     no answer came
  UnknownAnswer    an answer came that this version cannot read

Infeasible is an answer, never an exception.
"""

from collections.abc import Mapping
from typing import Any

from models.errors import Fault


class ShardwrightClientError(Exception):
    """Base of the tree."""


class Refused(ShardwrightClientError):
    """The request is refused: ``status``, ``detail``, and one fault with pointer and hint per mistake.

    ``status`` is None where the client itself could not read what it was given, so that nothing was sent.
    """

    def __init__(
        self,
        status: int | None,
        detail: str,
        *,
        errors: tuple[Fault, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        first = errors[0] if errors else Fault(pointer="", detail=detail)
        super().__init__(f"{status or 'not sent'}: {told(first, len(errors) - 1)}")
        self.status = status
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s


class JobFailed(ShardwrightClientError):
    """A job ended without an answer; ``state`` is failed, or expired where it ran past its time limit."""

    def __init__(self, job_id: str, state: str, error: Mapping[str, Any] | None) -> None:
        self.job_id = job_id
        self.state = state
        self.detail = str((error or {}).get("detail", ""))
        self.errors = faults_of(error or {})
        first = self.errors[0] if self.errors else Fault(pointer="", detail=self.detail)
        super().__init__(
            f"job {job_id} {state}" + (f": {told(first, len(self.errors) - 1)}" if error else "")
        )


class JobCancelled(ShardwrightClientError):
    """A job was cancelled; what it had found stays in its figures."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id


class NotFinished(ShardwrightClientError, TimeoutError):
    """The time given to wait is over; the job itself goes on, and can be waited for again."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id} is still {state}\nMaybe wait longer, or cancel it.")
        self.job_id = job_id
        self.state = state


class NotReachable(ShardwrightClientError):
    """No answer came. ``sent``: the request may have arrived; ``timed_out``: there was silence, no error."""

    def __init__(self, message: str, *, sent: bool, timed_out: bool) -> None:
        super().__init__(message)
        self.sent = sent
        self.timed_out = timed_out


class UnknownAnswer(ShardwrightClientError):
    """What came is no answer of this version of the service."""


def faults_of(problem: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The faults a problem lists."""
    listed = problem.get("errors")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return tuple(Fault(**{k: str(row.get(k, "")) for k in ("pointer", "detail", "hint")}) for row in rows)


def told(fault: Fault, more: int) -> str:
    """The first fault at its place, with the way out, and how many others there are."""
    where = f"{fault.pointer}: " if fault.pointer else ""
    others = f" (and {more} more)" if more > 0 else ""
    return where + fault.detail + others + (f"\n{fault.hint}" if fault.hint else "")
