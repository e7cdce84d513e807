"""A plan job under asyncio: followed, waited for, cancelled, its answer fetched."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from inspect import isawaitable
from typing import Any

from api.client import calls
from api.client.answers import PlansAnswer
from api.client.async_connection import AsyncConnection
from api.client.deadline import Deadline
from api.client.errors import NotReachable, Refused
from api.client.event_stream import Event, Following
from api.client.standing import JobStanding


class AsyncJob(JobStanding):
    """One plan job; its figures are those of the last :meth:`refresh`."""

    def __init__(self, connection: AsyncConnection, raw: dict[str, Any]) -> None:
        super().__init__(raw)
        self._connection = connection

    async def refresh(self) -> "AsyncJob":
        """Ask where it stands."""
        self._hear(await self._connection.do(calls.job(self.id)))
        return self

    def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Events with numbers above ``after`` until the job ends; a dropped connection is taken up again."""
        return self._events(after, Deadline(None))

    async def wait(
        self, timeout_s: float | None = None, on_event: Callable[[Event], object] | None = None
    ) -> PlansAnswer:
        """Wait for the answer; ``on_event`` is told every event from the first one on, and
        awaited where it is a coroutine function.

        Raises
        ------
        JobFailed, JobCancelled
            It ended without an answer.
        NotFinished
            The time is over; the job goes on.
        """
        async with aclosing(self._events(0, Deadline(timeout_s))) as events:
            async for event in events:
                heard = None if on_event is None else on_event(event)
                if isawaitable(heard):
                    await heard
        await self.refresh()
        return await self.result()

    async def result(self) -> PlansAnswer:
        """The answer.

        Raises
        ------
        JobFailed, JobCancelled
            It ended without one.
        Refused
            With status 409: there is none yet.
        """
        try:
            return await self._connection.do(calls.result(self.id))
        except Refused:
            (await self.refresh())._raise_if_ended_badly()
            raise

    async def cancel(self) -> "AsyncJob":
        """Stop it at once; what it has found stays in its figures. A finished job stays as it is."""
        self._hear(await self._connection.do(calls.cancel(self.id)))
        return self

    async def _events(self, after: int, deadline: Deadline) -> AsyncGenerator[Event, None]:
        following = Following(self.id, after, self._connection.address.retrying)
        while not following.ended:
            if deadline.passed:
                raise (await self.refresh())._not_finished()
            read_s = deadline.read_s
            try:
                async with aclosing(self._one_connection(following, read_s, deadline)) as events:
                    async for event in events:
                        yield event
                if not (following.ended or deadline.outgrown(read_s)):
                    following.body_ended((await self.refresh()).finished)
            except (Refused, NotReachable) as error:
                if not deadline.passed:
                    await self._connection.pause(deadline.bounded(following.pause_s(error)))

    async def _one_connection(
        self, following: Following, read_s: float, deadline: Deadline
    ) -> AsyncGenerator[Event, None]:
        async with self._connection.pieces(following.connect(), read_s) as pieces:
            async for piece in pieces:
                for event in following.feed(piece):
                    yield event
                if following.ended or deadline.outgrown(read_s):
                    return
