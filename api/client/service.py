"""The blocking client of the service."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, overload

from api.client import calls, sweep_calls
from api.client.address import address_of
from api.client.answers import Answer, Document, Kind, PlansAnswer
from api.client.calls import PAGE_SIZE, Listing, Priority
from api.client.connection import Connection
from api.client.documents import Documents
from api.client.event_stream import Event
from api.client.http_library import httpx2
from api.client.jobs import Job
from api.client.scenario_input import ScenarioInput
from api.client.sweep_calls import Axes
from api.client.sweeps import Sweep
from models.check import CheckAnswer
from models.plan import Plan
from models.prediction import Prediction, PredictRow
from models.requirements import RequirementsAnswer
from models.what_if import WhatIfAnswer

Question = ScenarioInput | Document
OnEvent = Callable[[Event], object]


class Client:
    """Talks to one service.

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
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(address_of(base_url, api_key, timeout_s, retries), transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._connection.close()

    @overload
    def plan(
        self,
        scenario: Question,
        *,
        wait: Literal[True] = True,
        on_event: OnEvent | None = None,
        priority: Priority | None = None,
        timeout_s: float | None = None,
    ) -> PlansAnswer: ...

    @overload
    def plan(self, scenario: Question, *, wait: Literal[False], priority: Priority | None = None) -> Job: ...

    def plan(
        self,
        scenario: Question,
        *,
        wait: bool = True,
        on_event: OnEvent | None = None,
        priority: Priority | None = None,
        timeout_s: float | None = None,
    ) -> PlansAnswer | Job:
        """Solve a scenario, and wait for its answer at most ``timeout_s``; or do not wait: :meth:`submit`."""
        job = self.submit(scenario, priority=priority)
        return job.wait(timeout_s, on_event) if wait else job

    def submit(self, scenario: Question, *, priority: Priority | None = None) -> Job:
        """Submit a scenario, or the revision of a stored one."""
        return Job(self._connection, self._connection.do(calls.submit(scenario, priority)))

    def job(self, job_id: str) -> Job:
        """A job by its id."""
        return Job(self._connection, self._connection.do(calls.job(job_id)))

    def jobs(self, state: str | None = None, *, page_size: int = PAGE_SIZE) -> Iterator[Job]:
        """Jobs, newest first; of one state only, where it is given."""
        asked = {"state": state, "limit": page_size}
        return self._connection.items(Listing(("plan-jobs",), lambda row: Job(self._connection, row), asked))

    def plans(self, *, page_size: int = PAGE_SIZE) -> Iterator[dict[str, Any]]:
        """Ranked plans in a few figures: newest job first, by rank."""
        return self._connection.items(Listing(("plans",), dict, {"limit": page_size}))

    def stored_plan(self, plan_id: str) -> Answer[Plan]:
        """One ranked plan."""
        return self._connection.do(calls.plan(plan_id))

    def what_if(self, plan_id: str, changes: Mapping[str, Any]) -> Answer[WhatIfAnswer]:
        """What a change of the scenario of a plan would bring; fields are named as in relaxations."""
        return self._connection.do(calls.what_if(plan_id, changes))

    def predict(
        self, rows: Iterable[Mapping[str, Any] | PredictRow], *, calibration: Any = None
    ) -> Iterator[Answer[Prediction]]:
        """Price fixed configurations, in order; rows are read and sent in parts of 1,000."""
        for call in calls.predictions(rows, calibration):
            yield from self._connection.do(call)

    def check(self, scenario: ScenarioInput, config: Any) -> Answer[CheckAnswer]:
        """Why not this one? ``config`` is a list of groups, or a row of :meth:`predict`."""
        return self._connection.do(calls.check(scenario, config))

    def requirements(
        self, scenario: ScenarioInput, devices: str | Sequence[str] = "pools"
    ) -> Answer[RequirementsAnswer]:
        """Say the least hardware that meets the SLO, of the devices in ``pools``, of ``all``, or of some."""
        return self._connection.do(calls.requirements(scenario, devices))

    def sweep(
        self, scenario: Question, axes: Axes, *, wait: bool = True, timeout_s: float | None = None
    ) -> Sweep:
        """Solve a scenario over values of its fields, and wait for the last at most ``timeout_s``."""
        sweep = Sweep(self._connection, self._connection.do(sweep_calls.submit(scenario, axes)))
        return sweep.wait(timeout_s) if wait else sweep

    def documents(self, kind: Kind) -> Documents:
        """Stored documents of one kind."""
        return Documents(self._connection, kind)

    def catalogue(self, kind: Literal["models", "devices", "engines"]) -> Iterator[dict[str, Any]]:
        """What the service knows, with the source of every figure."""
        return self._connection.items(Listing(("catalog", kind), dict, {}))

    def schema(self, name: str) -> dict[str, Any]:
        """One JSON Schema by its name."""
        return self._connection.do(calls.schema(name))
