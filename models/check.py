"""A configuration held against a scenario, and the answer (``shardwright check``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.plan import Objective, SmShare
from models.precision import Precision
from models.wire import WIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckGroup:
    """Equal replicas to check; deployment, pool and precision default to the scenario's first.

    Colocated replicas without ``sm_share_frac`` are given the share of the SMs that sustains most.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    role: Literal["aggregated", "prefill", "decode", "colocated"]
    replicas: Annotated[int, Ge(1), Le(10_000_000)] = 1
    parallelism: Parallelism
    deployment: str | None = None
    pool: str | None = None
    precision: Precision | None = None
    sm_share_frac: SmShare | None = None

    def __post_init__(self) -> None:
        if self.sm_share_frac is not None and self.role != "colocated":
            raise InvalidInput(
                f"role {self.role} runs on all SMs",
                pointer="/sm_share_frac",
                hint="Maybe role: colocated.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedGroup:
    """What is wrong with a group, and what it sustains when nothing is."""

    __pydantic_config__: ClassVar[Any] = WIRE

    role: str
    pool: str
    replicas: int
    parallelism: Parallelism
    rules_failed: tuple[str, ...]
    reasons: tuple[str, ...]
    memory_ok: bool | None
    request_per_s: float | None
    mean_latency_s: Mapping[str, float]
    sm_share_frac: SmShare | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """Verdict over all groups, and the distance to the best plan of the scenario."""

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.check/1"] = "shardwright.check/1"
    feasible: bool
    reasons: tuple[str, ...]
    groups: tuple[CheckedGroup, ...]
    objective: Objective
    objective_value: float | None
    best_objective_value: float | None
    gap_to_best: float | None
