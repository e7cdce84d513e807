"""What a change of the scenario would bring: answers of exact re-solves, before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MaxLen, MinLen

from models.plan import AnswerStatus, Objective, RankedPlans
from models.wire import WIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A field of the scenario, named as in relaxations (``slo.chat.ttft_s.limit_s``), and its new value."""

    __pydantic_config__: ClassVar[Any] = WIRE

    change: Annotated[str, MinLen(1), MaxLen(500)]
    to: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be changed, in order."""

    __pydantic_config__: ClassVar[Any] = WIRE

    changes: Annotated[tuple[Change, ...], MinLen(1), MaxLen(100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeChange:
    """A change with the value it replaced."""

    __pydantic_config__: ClassVar[Any] = WIRE

    change: str
    from_: Any
    to: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best plan of a scenario in a few figures; without a plan they are null."""

    __pydantic_config__: ClassVar[Any] = WIRE

    status: AnswerStatus
    objective_value: float | None
    bound: float | None
    gap: float | None
    plan_id: str | None
    devices_used: int | None
    usd_per_hour: float | None
    watt: float | None
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfAnswer:
    """Before and after, their differences (after minus before), and the whole answer after the change.

    ``proven`` tells that both values are optimal within their gap, so the difference is exact up to the two.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.what-if/1"] = "shardwright.what-if/1"
    changes: tuple[MadeChange, ...]
    objective: Objective
    before: Outcome
    after: Outcome
    difference: Mapping[str, float]
    proven: bool
    statement: str
    answer: RankedPlans
