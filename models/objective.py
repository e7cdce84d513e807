"""What a scenario asks for: one objective, several in order, a weighted sum, or a trade-off between two."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from models.errors import InvalidInput
from models.wire import WIRE

ObjectiveName = Literal[
    "max_goodput", "max_attainment", "min_cost", "min_usd_per_million_tokens", "min_devices", "min_power",
    "min_joule_per_token", "min_ttft", "min_tpot", "min_e2e",
]  # fmt: skip
Direction = Literal["max", "min"]
NAMES: tuple[ObjectiveName, ...] = get_args(ObjectiveName)

OBJECTIVES: Mapping[str, tuple[str, Direction]] = {
    "max_goodput": ("request/s", "max"),
    "max_attainment": ("share", "max"),
    "min_cost": ("USD/h", "min"),
    "min_usd_per_million_tokens": ("USD per million output tokens", "min"),
    "min_devices": ("devices", "min"),
    "min_power": ("W", "min"),
    "min_joule_per_token": ("J per output token", "min"),
    "min_ttft": ("s", "min"),
    "min_tpot": ("s", "min"),
    "min_e2e": ("s", "min"),
}
"""Unit and direction of every objective."""
GOODPUT = ("max_goodput", "max_attainment")
"""Objectives that ask how much can be served; the others serve the traffic that is given."""
MONEY = ("min_cost", "min_usd_per_million_tokens")
LATENCY = ("min_ttft", "min_tpot", "min_e2e")
WEIGHTED = "weighted"
"""Name of a weighted sum in the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundObjective:
    """Exactly one of: ``minimize`` in order of importance, ``weighted`` sum, ``pareto`` trade-off of two.

    Weights are per unit of each objective: ``{min_cost: 1, min_tpot: 1000}`` gives a millisecond of TPOT the
    worth of one USD per hour.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    minimize: Annotated[tuple[ObjectiveName, ...], MinLen(1), MaxLen(4)] | None = None
    weighted: Mapping[ObjectiveName, Annotated[float, Gt(0), Le(1e12)]] | None = None
    pareto: Annotated[tuple[ObjectiveName, ...], MinLen(2), MaxLen(2)] | None = None
    points: Annotated[int, Ge(2), Le(1000)] = 20

    def __post_init__(self) -> None:
        given = [name for name in ("minimize", "weighted", "pareto") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidInput(
                "give minimize, a list of objectives in order"
                if not given
                else f"give one of {' and '.join(given)}, not both",
                pointer="/minimize" if not given else f"/{given[-1]}",
                hint="Maybe {minimize: [min_cost, min_ttft]} or {pareto: [min_cost, min_tpot], points: 20}.",
            )
        for name in self.weighted or ():
            if name in GOODPUT:
                raise InvalidInput(
                    f"{name} cannot be part of a weighted sum",
                    pointer=f"/weighted/{name}",
                    hint="Maybe {minimize: [max_goodput, ...]} or {pareto: [max_goodput, ...]}.",
                )
        if self.weighted is not None and not self.weighted:
            raise InvalidInput("a weighted sum needs a term", pointer="/weighted")
        if self.pareto is not None and self.pareto[0] == self.pareto[1]:
            raise InvalidInput("a trade-off needs two different objectives", pointer="/pareto/1")

    @property
    def names(self) -> tuple[ObjectiveName, ...]:
        """Every objective that takes part."""
        return self.minimize or self.pareto or tuple(self.weighted or ())


Objective = ObjectiveName | CompoundObjective
Weights = Mapping[str, float]
"""One level of the objective: what is summed, with its weight per unit."""


def levels(objective: Objective) -> tuple[Weights, ...]:
    """Levels in order of importance, each a weighted sum; a trade-off gives its two ends in turn."""
    if not isinstance(objective, CompoundObjective):
        return ({objective: 1.0},)
    if objective.weighted is not None:
        return ({str(name): weight for name, weight in objective.weighted.items()},)
    return tuple({name: 1.0} for name in objective.names)


def level_name(weights: Weights) -> str:
    """Name of a level in the answer."""
    return next(iter(weights)) if list(weights.values()) == [1.0] else WEIGHTED


def level_unit(weights: Weights) -> tuple[str, Direction]:
    """Unit and direction of a level."""
    name = level_name(weights)
    return ("weighted sum", "min") if name == WEIGHTED else OBJECTIVES[name]
