"""The asyncio client of the service."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, overload

from api.client import calls, sweep_calls
from api.client.address import address_of
from api.client.answers import Answer, Document, Kind, PlansAnswer
from api.client.async_connection import AsyncConnection
from api.client.async_documents import AsyncDocuments
from api.client.async_jobs import AsyncJob
from api.client.async_sweeps import AsyncSweep
from api.client.calls import PAGE_SIZE, Listing, Priority
from api.client.event_stream import Event
from api.client.http_library import httpx2
from api.client.scenario_input import ScenarioInput
from api.client.sweep_calls import Axes
from models.check import CheckAnswer
from models.plan import Plan
from models.prediction import Prediction, PredictRow
from models.requirements import RequirementsAnswer
from models.what_if import WhatIfAnswer

Question = ScenarioInput | Document
OnEvent = Callable[[Event], object]


class AsyncClient:
    """Talks to one service; lists are read with ``async for``.

    Parameters
    ----------
    base_url
        Where the service is, without ``/v1``.
    api_key
        Sent as ``Authorization: Bearer``.
    timeout_s
        Silence after which a request is given up [s]; calls that solve at once may take 120 s.
    retries
        How often a request is sent again: where nothing came through, and after 429 and 503.
    transport
        How bytes travel, instead of over a network.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 5,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = AsyncConnection(address_of(base_url, api_key, timeout_s, retries), transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._connection.close()

    @overload
    async def plan(
        self,
        scenario: Question,
        *,
        wait: Literal[True] = True,
        on_event: OnEvent | None = None,
        priority: Priority | None = None,
        timeout_s: float | None = None,
    ) -> PlansAnswer: ...

    @overload
    async def plan(
        self, scenario: Question, *, wait: Literal[False], priority: Priority | None = None
    ) -> AsyncJob: ...

    async def plan(
        self,
        scenario: Question,
        *,
        wait: bool = True,
        on_event: OnEvent | None = None,
        priority: Priority | None = None,
        timeout_s: float | None = None,
    ) -> PlansAnswer | AsyncJob:
        """Solve a scenario, and wait for its answer at most ``timeout_s``; or do not wait: :meth:`submit`."""
        job = await self.submit(scenario, priority=priority)
        return await job.wait(timeout_s, on_event) if wait else job

    async def submit(self, scenario: Question, *, priority: Priority | None = None) -> AsyncJob:
        """Submit a scenario, or the revision of a stored one."""
        return AsyncJob(self._connection, await self._connection.do(calls.submit(scenario, priority)))

    async def job(self, job_id: str) -> AsyncJob:
        """A job by its id."""
        return AsyncJob(self._connection, await self._connection.do(calls.job(job_id)))

    def jobs(self, state: str | None = None, *, page_size: int = PAGE_SIZE) -> AsyncIterator[AsyncJob]:
        """Jobs, newest first; of one state only, where it is given."""
        asked = {"state": state, "limit": page_size}
        return self._connection.items(
            Listing(("plan-jobs",), lambda row: AsyncJob(self._connection, row), asked)
        )

    def plans(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[dict[str, Any]]:
        """Ranked plans in a few figures: newest job first, by rank."""
        return self._connection.items(Listing(("plans",), dict, {"limit": page_size}))

    async def stored_plan(self, plan_id: str) -> Answer[Plan]:
        """One ranked plan."""
        return await self._connection.do(calls.plan(plan_id))

    async def what_if(self, plan_id: str, changes: Mapping[str, Any]) -> Answer[WhatIfAnswer]:
        """What a change of the scenario of a plan would bring; fields are named as in relaxations."""
        return await self._connection.do(calls.what_if(plan_id, changes))

    async def predict(
        self, rows: Iterable[Mapping[str, Any] | PredictRow], *, calibration: Any = None
    ) -> AsyncIterator[Answer[Prediction]]:
        """Price fixed configurations, in order; rows are read and sent in parts of 1,000."""
        for call in calls.predictions(rows, calibration):
            for answer in await self._connection.do(call):
                yield answer

    async def check(self, scenario: ScenarioInput, config: Any) -> Answer[CheckAnswer]:
        """Why not this one? ``config`` is a list of groups, or a row of :meth:`predict`."""
        return await self._connection.do(calls.check(scenario, config))

    async def requirements(
        self, scenario: ScenarioInput, devices: str | Sequence[str] = "pools"
    ) -> Answer[RequirementsAnswer]:
        """Say the least hardware that meets the SLO, of the devices in ``pools``, of ``all``, or of some."""
        return await self._connection.do(calls.requirements(scenario, devices))

    async def sweep(
        self, scenario: Question, axes: Axes, *, wait: bool = True, timeout_s: float | None = None
    ) -> AsyncSweep:
        """Solve a scenario over values of its fields, and wait for the last at most ``timeout_s``."""
        sweep = AsyncSweep(self._connection, await self._connection.do(sweep_calls.submit(scenario, axes)))
        return await sweep.wait(timeout_s) if wait else sweep

    def documents(self, kind: Kind) -> AsyncDocuments:
        """Stored documents of one kind."""
        return AsyncDocuments(self._connection, kind)

    def catalogue(self, kind: Literal["models", "devices", "engines"]) -> AsyncIterator[dict[str, Any]]:
        """What the service knows, with the source of every figure."""
        return self._connection.items(Listing(("catalog", kind), dict, {}))

    async def schema(self, name: str) -> dict[str, Any]:
        """One JSON Schema by its name."""
        return await self._connection.do(calls.schema(name))
