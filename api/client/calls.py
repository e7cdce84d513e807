"""Every call but those of documents and sweeps: its request, and how its reply is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from itertools import islice
from typing import Any, Generic, Literal, TypeVar

from api.client.answers import Answer, Document, PlansAnswer
from api.client.errors import UnknownAnswer
from api.client.exchange import Call, Reply, Request, get, write
from api.client.replies import object_of
from api.client.scenario_input import ScenarioInput, plain, question
from models import codec
from models.check import CheckAnswer
from models.plan import Plan
from models.prediction import Prediction, PredictRow
from models.requirements import RequirementsAnswer
from models.what_if import WhatIfAnswer

T = TypeVar("T")
SOLVES_S = 120.0
"""Silence allowed to calls that solve at once: the service bounds the solving, pricing comes on top [s]."""
ROWS_AT_ONCE = 1_000
PAGE_SIZE = 50

Priority = Literal["high", "normal", "low"]


def submit(scenario: ScenarioInput | Document, priority: Priority | None = None) -> Call[dict[str, Any]]:
    """Submit a job."""
    body = question(scenario) | ({} if priority is None else {"priority": priority})
    return Call(write("POST", "plan-jobs", content=body), object_of)


def job(job_id: str) -> Call[dict[str, Any]]:
    """Ask where a job stands."""
    return Call(get("plan-jobs", job_id), object_of)


def result(job_id: str) -> Call[PlansAnswer]:
    """Fetch the answer of a job."""
    return Call(get("plan-jobs", job_id, "result"), lambda reply: PlansAnswer(object_of(reply)))


def cancel(job_id: str) -> Call[dict[str, Any]]:
    """Cancel a job."""
    return Call(write("DELETE", "plan-jobs", job_id), object_of)


def plan(plan_id: str) -> Call[Answer[Plan]]:
    """Fetch one ranked plan."""
    return Call(get("plans", plan_id), lambda reply: Answer(Plan, object_of(reply).get("plan")))


def what_if(plan_id: str, changes: Mapping[str, Any]) -> Call[Answer[WhatIfAnswer]]:
    """Solve the scenario of a plan again, changed."""
    body = {"changes": [{"change": name, "to": value} for name, value in changes.items()]}
    request = write("POST", "plans", plan_id, ":what-if", content=body, solves_s=SOLVES_S)
    return Call(request, lambda reply: Answer(WhatIfAnswer, object_of(reply)))


def check(scenario: ScenarioInput, config: Any) -> Call[Answer[CheckAnswer]]:
    """Ask why not this one."""
    body = {"scenario": plain(scenario), "config": config}
    request = write("POST", "check", content=body, solves_s=SOLVES_S)
    return Call(request, lambda reply: Answer(CheckAnswer, object_of(reply)))


def requirements(scenario: ScenarioInput, devices: str | Sequence[str]) -> Call[Answer[RequirementsAnswer]]:
    """Ask for the least hardware."""
    asked = devices if isinstance(devices, str) else list(devices)
    body = {"scenario": plain(scenario), "devices": asked}
    request = write("POST", "requirements", content=body, solves_s=SOLVES_S)
    return Call(request, lambda reply: Answer(RequirementsAnswer, object_of(reply)))


def predictions(
    rows: Iterable[Mapping[str, Any] | PredictRow], calibration: Any
) -> Iterator[Call[list[Answer[Prediction]]]]:
    """Price rows, in parts."""
    listed = (_plain_row(row) for row in rows)
    extra = {} if calibration is None else {"calibration": plain_document(calibration)}
    while part := list(islice(listed, ROWS_AT_ONCE)):
        yield Call(write("POST", "predict", content={"rows": part, **extra}, solves_s=SOLVES_S), _priced)


def schema(name: str) -> Call[dict[str, Any]]:
    """Fetch one JSON Schema."""
    return Call(get("schemas", f"{name}.json"), object_of)


def plain_document(content: Any) -> Any:
    """A document as plain data; a stored one stands for itself by its id and revision."""
    if isinstance(content, Document):
        return {"id": content.id, "revision": content.revision}
    return codec.to_plain(content) if is_dataclass(content) and not isinstance(content, type) else content


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list that comes in pages, and how one row of it is shown."""

    path: tuple[str, ...]
    show: Callable[[dict[str, Any]], T]
    query: Mapping[str, str | int | None]

    def page(self, cursor: str | None) -> Call[tuple[list[T], str | None]]:
        """Fetch one page, and the cursor of the next."""
        return Call(self._request(cursor), self._read)

    def _request(self, cursor: str | None) -> Request:
        return get(*self.path, **self.query, cursor=cursor)

    def _read(self, reply: Reply) -> tuple[list[T], str | None]:
        body = object_of(reply)
        if not isinstance(body.get("items"), list):
            raise UnknownAnswer("a list has no items")
        return [self.show(row) for row in body["items"]], body.get("next")


def _plain_row(row: Mapping[str, Any] | PredictRow) -> Any:
    return codec.to_plain(row) if isinstance(row, PredictRow) else dict(row)


def _priced(reply: Reply) -> list[Answer[Prediction]]:
    rows = object_of(reply).get("rows")
    if not isinstance(rows, list):
        raise UnknownAnswer(f"an answer has no rows: {reply.body[:80]!r}")
    return [Answer(Prediction, row) for row in rows]
