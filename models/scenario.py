"""The question: models, traffic, SLOs, cluster and objective (``shardwright.scenario/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, MaxLen, MinLen

from models.calibration import Calibration
from models.cluster import Cluster
from models.errors import InvalidInput, NotBuilt
from models.objective import GOODPUT, MONEY, CompoundObjective, Objective, ObjectiveName, Weights, levels
from models.periods import Period, Reserve, Starting
from models.precision import Precision
from models.rate_factors import RateFactors
from models.traffic_class import MOST_CLASSES, TrafficClass, check_classes
from models.wire import WIRE
from models.workload import Slo, Workload

Role = Literal["aggregated", "prefill", "decode", "encode", "colocated"]
ROLES: tuple[Role, ...] = ("aggregated", "prefill", "decode", "encode", "colocated")
"""Roles this version plans with; encode serves images only."""
DEFAULT_ROLES: tuple[Role, ...] = ("aggregated", "prefill", "decode", "encode")
"""Roles a search uses unless told otherwise; colocated rests on assumed figures and is asked for by name."""
WHOLE_ROLES: tuple[Role, ...] = ("aggregated", "colocated")
"""Roles that serve a request from its prompt to its last token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineModel:
    """A model given by its ``config.json`` instead of a catalogue id."""

    __pydantic_config__: ClassVar[Any] = WIRE

    hf_config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """The serving engine; a version that is not known widens the band and warns."""

    __pydantic_config__: ClassVar[Any] = WIRE

    name: Literal["vllm", "sglang", "trtllm"] = "vllm"
    version: Annotated[str, MinLen(1), MaxLen(100)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One model with its traffic and its SLO."""

    __pydantic_config__: ClassVar[Any] = WIRE

    name: Annotated[str, MinLen(1), MaxLen(200)]
    model: Annotated[str, MinLen(1), MaxLen(300)] | InlineModel
    precisions: Annotated[tuple[Precision, ...], MaxLen(16)] = ()
    engine: EngineChoice = EngineChoice()
    workload: Workload
    slo: Slo = Slo()
    classes: Annotated[tuple[TrafficClass, ...], MaxLen(MOST_CLASSES)] = ()

    def __post_init__(self) -> None:
        check_classes(self.classes, self.workload, self.slo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps over the whole cluster."""

    __pydantic_config__: ClassVar[Any] = WIRE

    usd_per_hour: Annotated[float, Ge(1e-6), Le(1e12)] | None = None
    watt: Annotated[float, Ge(1e-3), Le(1e15)] | None = None
    devices: Annotated[int, Ge(1), Le(10_000_000)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to search."""

    __pydantic_config__: ClassVar[Any] = WIRE

    roles: Annotated[tuple[Role, ...], MinLen(1), MaxLen(5)] | None = None
    top_k: Annotated[int, Ge(1), Le(100)] = 5
    time_limit_s: Annotated[float, Ge(1e-3), Le(86_400)] = 30.0
    gap: Annotated[float, Ge(0), Le(1)] = 1e-4
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = 0
    verify: Literal["none", "top1", "top_k"] = "none"
    slo_confidence: Literal["point", "band"] = "point"
    sensitivity: bool = False
    rate_factors: RateFactors | None = None

    def __post_init__(self) -> None:
        if self.verify != "none":
            raise NotBuilt(
                f"options.verify={self.verify} needs the simulator, which is not built yet",
                pointer="/verify",
                hint="Maybe options.verify: none.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One planning question, complete."""

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.scenario/1"]
    name: Annotated[str, MinLen(1), MaxLen(200)] = "scenario"
    mode: Literal["serve", "train"] = "serve"
    deployments: Annotated[tuple[Deployment, ...], MinLen(1), MaxLen(64)]
    cluster: Cluster
    objective: Objective = "max_goodput"
    limits: Limits = field(default_factory=Limits)
    reserve: Reserve = field(default_factory=Reserve)
    periods: Annotated[tuple[Period, ...], MaxLen(200)] = ()
    starting: Starting = field(default_factory=Starting)
    price_book: str | None = None
    calibration: Calibration | None = None
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if self.mode == "train":
            raise NotBuilt("mode: train is reserved for training plans", pointer="/mode")
        names = [d.name for d in self.deployments]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise InvalidInput(f"two deployments are named {name!r}", pointer=f"/deployments/{i}/name")
        self._check_periods(names)
        if any(d.classes for d in self.deployments):
            self._check_classes()

    def _check_classes(self) -> None:
        """Refuse what is not covered together with classes."""
        keys = [
            key for d in self.deployments for key in [f"{d.name}/{c.name}" for c in d.classes] or [d.name]
        ]
        for key in keys:
            if keys.count(key) > 1:
                raise InvalidInput(f"two kinds of traffic are named {key!r}", pointer="/deployments")
        covered = {*GOODPUT, *MONEY, "min_devices"}
        alone = "Maybe one deployment for each class."
        for name in self.objectives:
            if name not in covered:
                hint = f"Maybe one of: {', '.join(sorted(covered))}."
                raise InvalidInput(f"{name} with classes is not covered", pointer="/objective", hint=hint)
        if self.periods:
            raise InvalidInput("periods with classes are not covered", pointer="/periods", hint=alone)
        if self.reserve.failure is not None:
            raise InvalidInput("a reserve with classes is not covered", pointer="/reserve", hint=alone)

    def _check_periods(self, deployments: list[str]) -> None:
        names = [p.name for p in self.periods]
        for t, period in enumerate(self.periods):
            if period.name in names[:t]:
                raise InvalidInput(f"two periods are named {period.name!r}", pointer=f"/periods/{t}/name")
            scales = period.rate_scale if isinstance(period.rate_scale, Mapping) else {}
            for name in scales:
                if name not in deployments:
                    raise InvalidInput(
                        f"no deployment is named {name!r}",
                        pointer=f"/periods/{t}/rate_scale/" + name.replace("~", "~0").replace("/", "~1"),
                        hint=f"Maybe one of: {', '.join(deployments)}",
                    )
        for name in deployments if self.periods else ():
            if not any(period.scale_of(name) for period in self.periods):
                raise InvalidInput(
                    f"{name} has no traffic in any period",
                    pointer="/periods/0/rate_scale",
                    hint="Maybe leave the deployment out, or give it a rate_scale above 0.",
                )

    @property
    def levels(self) -> tuple[Weights, ...]:
        """Levels of the objective in order of importance, each a weighted sum of objectives."""
        return levels(self.objective)

    @property
    def objectives(self) -> tuple[ObjectiveName, ...]:
        """Every objective that takes part, the most important first."""
        if isinstance(self.objective, CompoundObjective):
            return self.objective.names
        return (self.objective,)
