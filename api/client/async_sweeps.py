"""A sweep under asyncio: followed, waited for, cancelled, its results read as they come."""

from collections.abc import AsyncIterator, Callable
from inspect import isawaitable
from typing import Any

from api.client import sweep_calls
from api.client.async_connection import AsyncConnection
from api.client.deadline import QUIET_S, Deadline
from api.client.errors import NotReachable, Refused
from api.client.standing import SweepStanding
from api.client.sweep_calls import ReadingResults, look_after_s


class AsyncSweep(SweepStanding):
    """One sweep; its figures are those of the last :meth:`refresh`."""

    def __init__(self, connection: AsyncConnection, raw: dict[str, Any]) -> None:
        super().__init__(raw)
        self._connection = connection

    async def refresh(self) -> "AsyncSweep":
        """Ask where it stands."""
        self._hear(await self._connection.do(sweep_calls.sweep(self.id)))
        return self

    async def wait(
        self, timeout_s: float | None = None, on_progress: Callable[["AsyncSweep"], object] | None = None
    ) -> "AsyncSweep":
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
                heard = on_progress(self)
                if isawaitable(heard):
                    await heard
            told = self.done
            if self.finished:
                break
            if deadline.passed:
                raise self._not_finished()
            await self._connection.pause(deadline.bounded(look_after_s(looks)))
            await self.refresh()
            looks += 1
        self._raise_if_ended_badly()
        return self

    async def results(self) -> AsyncIterator[dict[str, Any]]:
        """One object per scenario, in the order of the service; none is told twice after a drop."""
        reading = ReadingResults(self.id, self._connection.address.retrying)
        while True:
            try:
                async with self._connection.pieces(reading.connect(), QUIET_S) as pieces:
                    async for piece in pieces:
                        for row in reading.feed(piece):
                            yield row
                for row in reading.end():
                    yield row
                return
            except (Refused, NotReachable) as error:
                await self._connection.pause(reading.pause_s(error))

    async def cancel(self) -> "AsyncSweep":
        """Stop it; what is done stays."""
        raw = await self._connection.do(sweep_calls.cancel(self.id))
        if raw is None:
            return await self.refresh()
        self._hear(raw)
        return self
