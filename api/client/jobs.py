"""A plan job: followed, waited for, cancelled, its answer fetched."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from api.client import calls
from api.client.answers import PlansAnswer
from api.client.connection import Connection
from api.client.deadline import Deadline
from api.client.errors import NotReachable, Refused
from api.client.event_stream import Event, Following
from api.client.standing import JobStanding


class Job(JobStanding):
    """One plan job; its figures are those of the last :meth:`refresh`."""

    def __init__(self, connection: Connection, raw: dict[str, Any]) -> None:
        super().__init__(raw)
        self._connection = connection

    def refresh(self) -> "Job":
        """Ask where it stands."""
        self._hear(self._connection.do(calls.job(self.id)))
        return self

    def events(self, after: int = 0) -> Iterator[Event]:
        """Events with numbers above ``after`` until the job ends; a dropped connection is taken up again."""
        return self._events(after, Deadline(None))

    def wait(
        self, timeout_s: float | None = None, on_event: Callable[[Event], object] | None = None
    ) -> PlansAnswer:
        """Wait for the answer; ``on_event`` is told every event from the first one on.

        Raises
        ------
        JobFailed, JobCancelled
            It ended without an answer.
        NotFinished
            The time is over; the job goes on.
        """
        with closing(self._events(0, Deadline(timeout_s))) as events:
            for event in events:
                if on_event is not None:
                    on_event(event)
        self.refresh()
        return self.result()

    def result(self) -> PlansAnswer:
        """The answer.

        Raises
        ------
        JobFailed, JobCancelled
            It ended without one.
        Refused
            With status 409: there is none yet.
        """
        try:
            return self._connection.do(calls.result(self.id))
        except Refused:
            self.refresh()._raise_if_ended_badly()
            raise

    def cancel(self) -> "Job":
        """Stop it at once; what it has found stays in its figures. A finished job stays as it is."""
        self._hear(self._connection.do(calls.cancel(self.id)))
        return self

    def _events(self, after: int, deadline: Deadline) -> Generator[Event, None, None]:
        following = Following(self.id, after, self._connection.address.retrying)
        while not following.ended:
            if deadline.passed:
                raise self.refresh()._not_finished()
            read_s = deadline.read_s
            try:
                yield from self._one_connection(following, read_s, deadline)
                if not (following.ended or deadline.outgrown(read_s)):
                    following.body_ended(self.refresh().finished)
            except (Refused, NotReachable) as error:
                if not deadline.passed:
                    self._connection.pause(deadline.bounded(following.pause_s(error)))

    def _one_connection(
        self, following: Following, read_s: float, deadline: Deadline
    ) -> Generator[Event, None, None]:
        with self._connection.pieces(following.connect(), read_s) as pieces:
            for piece in pieces:
                yield from following.feed(piece)
                if following.ended or deadline.outgrown(read_s):
                    return
