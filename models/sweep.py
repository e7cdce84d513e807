"""A sweep: one scenario solved for every combination of values along some axes."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MaxLen, MinLen

from models.what_if import Outcome
from models.wire import WIRE

MAX_VALUES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A field of the scenario, named as in relaxations, and the values it is to take."""

    __pydantic_config__: ClassVar[Any] = WIRE

    change: Annotated[str, MinLen(1), MaxLen(500)]
    values: Annotated[tuple[Any, ...], MinLen(1), MaxLen(MAX_VALUES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Some axes; of the combinations, the last axis varies fastest."""

    __pydantic_config__: ClassVar[Any] = WIRE

    axes: Annotated[tuple[Axis, ...], MinLen(1), MaxLen(8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPrediction:
    """Means of one deployment under the best plan of a combination; null where there is none."""

    __pydantic_config__: ClassVar[Any] = WIRE

    ttft_s: float | None
    tpot_s: float | None
    e2e_s: float | None
    request_per_s: float
    output_tokens_per_s: float


PointStatus = Literal["optimal", "feasible", "infeasible", "time_limit", "invalid", "expired", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One combination and what came of it.

    ``status`` is that of the answer, or invalid (``reason`` tells why the scenario cannot be), expired (the
    solve was killed at its time limit), failed. ``predicted`` is by deployment.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    number: int
    changes: dict[str, Any]
    status: PointStatus
    reason: str | None = None
    outcome: Outcome | None = None
    predicted: dict[str, PointPrediction] | None = None
