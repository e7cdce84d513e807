"""A sweep: followed, waited for, cancelled, its results read as they come."""

from collections.abc import Callable, Iterator
from typing import Any

from api.client import sweep_calls
from api.client.connection import Connection
from api.client.deadline import QUIET_S, Deadline
from api.client.errors import NotReachable, Refused
from api.client.standing import SweepStanding
from api.client.sweep_calls import ReadingResults, look_after_s


class Sweep(SweepStanding):
    """One sweep; its figures are those of the last :meth:`refresh`."""

    def __init__(self, connection: Connection, raw: dict[str, Any]) -> None:
        super().__init__(raw)
        self._connection = connection

    def refresh(self) -> "Sweep":
        """Ask where it stands."""
        self._hear(self._connection.do(sweep_calls.sweep(self.id)))
        return self

    def wait(
        self, timeout_s: float | None = None, on_progress: Callable[["Sweep"], object] | None = None
    ) -> "Sweep":
        """Wait for its end; ``on_progress`` is told whenever more of its scenarios are done.

        Raises
        ------
        JobFailed, JobCancelled
            It ended badly as a whole; single scenarios that failed are counted in ``failed`` instead.
        NotFinished
            The time is over; the sweep goes on.
        """
        deadline, looks, told = Deadline(timeout_s), 0, -1
        while True:
            if on_progress is not None and self.done != told:
                on_progress(self)
            told = self.done
            if self.finished:
                break
            if deadline.passed:
                raise self._not_finished()
            self._connection.pause(deadline.bounded(look_after_s(looks)))
            self.refresh()
            looks += 1
        self._raise_if_ended_badly()
        return self

    def results(self) -> Iterator[dict[str, Any]]:
        """One object per scenario, in the order of the service; none is told twice after a drop."""
        reading = ReadingResults(self.id, self._connection.address.retrying)
        while True:
            try:
                with self._connection.pieces(reading.connect(), QUIET_S) as pieces:
                    for piece in pieces:
                        yield from reading.feed(piece)
                yield from reading.end()
                return
            except (Refused, NotReachable) as error:
                self._connection.pause(reading.pause_s(error))

    def cancel(self) -> "Sweep":
        """Stop it; what is done stays."""
        raw = self._connection.do(sweep_calls.cancel(self.id))
        if raw is None:
            return self.refresh()
        self._hear(raw)
        return self
