"""Answers of the service: the domain's own types, and the plain data they were read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from api.client.errors import UnknownAnswer
from models import codec
from models.errors import InvalidInput, NotBuilt
from models.plan import AnswerStatus, Plan, RankedPlans

T = TypeVar("T")
Kind = Literal["models", "clusters", "workloads", "slos", "scenarios", "price-books", "calibrations"]
FIELDS: dict[str, str] = {
    "models": "model",
    "clusters": "cluster",
    "workloads": "workload",
    "slos": "slo",
    "scenarios": "scenario",
    "price-books": "price_book",
    "calibrations": "calibration",
}
"""The field of a request that holds a document of each kind."""


class Answer(Generic[T]):
    """``raw`` is what came, ``value`` the same as the domain's type, read when it is first asked for."""

    def __init__(self, kind: type[T], raw: Any) -> None:
        self.raw = raw
        self._kind = kind

    @cached_property
    def value(self) -> T:
        """The answer, typed.

        Raises
        ------
        UnknownAnswer
            It holds what this version does not know, maybe because the service is newer; ``raw`` has it all.
        """
        try:
            return codec.from_plain(self._kind, self.raw)
        except (InvalidInput, NotBuilt) as error:
            raise UnknownAnswer(
                f"the answer is not what this version knows: {error}\n"
                "Maybe the service is newer than this client; raw holds the answer as it came."
            ) from None


class PlansAnswer(Answer[RankedPlans]):
    """Ranked plans with their proof; infeasible is an answer too, one without plans."""

    def __init__(self, raw: Any) -> None:
        super().__init__(RankedPlans, raw)

    @property
    def status(self) -> AnswerStatus:
        """optimal, feasible, infeasible or time_limit."""
        return self.value.status

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Plans, best first."""
        return self.value.plans

    @property
    def best(self) -> Plan | None:
        """The first plan; None where there is none."""
        return self.plans[0] if self.plans else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A stored document; in lists ``content`` and ``etag`` are None."""

    kind: str
    id: str
    name: str
    revision: int
    content: Any
    etag: str | None
    raw: Mapping[str, Any]


def document_of(kind: str, raw: Mapping[str, Any], etag: str | None = None) -> Document:
    """A document as the service shows it."""
    return Document(
        kind=kind,
        id=raw["id"],
        name=raw["name"],
        revision=raw["revision"],
        content=raw.get(FIELDS[kind]),
        etag=etag,
        raw=raw,
    )
