"""A day in periods, what a start takes, and which failure must not be felt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from models.wire import WIRE

Scale = Annotated[float, Ge(0), Le(1e6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A part of the day: how long, and which multiple of the given traffic.

    ``rate_scale`` is one number for all deployments, or one for each by name; those not named keep 1.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: Annotated[str, MinLen(1), MaxLen(100)]
    hours: Annotated[float, Gt(0), Le(10_000)] = 1.0
    rate_scale: Scale | Mapping[str, Scale] = 1.0

    def scale_of(self, deployment: str) -> float:
        """Multiple of one deployment's traffic."""
        if isinstance(self.rate_scale, Mapping):
            return float(self.rate_scale.get(deployment, 1.0))
        return float(self.rate_scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """What a replica takes before it serves; fields left out are those of the catalogue.

    Its weights are read at ``load_bytes_per_s_per_device``; ``fixed_s`` covers the pod, the engine and its
    warm-up.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    load_bytes_per_s_per_device: Annotated[float, Ge(1e3), Le(1e15)] | None = None
    fixed_s: Annotated[float, Ge(0), Le(1e6)] | None = None


Failure = Literal["device", "node", "rack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """The loss of any one device, node or rack must leave the served traffic within its SLO (N-1)."""

    __pydantic_config__: ClassVar[Any] = WIRE

    failure: Failure | None = None
