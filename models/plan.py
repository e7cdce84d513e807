"""The answer: ranked plans with their proof (``shardwright.plans/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt, Lt

from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.precision import Precision
from models.scenario import EngineChoice, Role, Scenario
from models.wire import WIRE

AnswerStatus = Literal["optimal", "feasible", "infeasible", "time_limit"]
Seconds = Mapping[str, float]
"""Latency by statistic: mean, p50, p95, p99 and the percentile that was asked [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What to tell the engine, per attention-dp rank."""

    __pydantic_config__: ClassVar[Any] = WIRE

    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    kv_cache_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBytes:
    """Device memory of the worst rank; the parts add up to ``capacity`` [B]."""

    __pydantic_config__: ClassVar[Any] = WIRE

    weights: float
    kv_cache: float
    activations: float
    engine: float
    free: float
    capacity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SmShare:
    """Shares of a device's SMs that the phases run on, for colocated replicas; they add up to one."""

    __pydantic_config__: ClassVar[Any] = WIRE

    prefill: Annotated[float, Gt(0), Lt(1)]
    decode: Annotated[float, Gt(0), Lt(1)]

    def __post_init__(self) -> None:
        if abs(self.prefill + self.decode - 1.0) > 1e-6:
            raise InvalidInput(
                f"prefill={self.prefill:g} and decode={self.decode:g} do not add up to 1",
                pointer="/decode",
                hint=f"Maybe decode: {1.0 - self.prefill:g}.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Equal replicas of one configuration.

    ``language_only``: no image encoder is loaded, an encode group of the deployment feeds it.
    ``class_request_per_s``: requests of each class that it carries, where classes of traffic share replicas.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    deployment: str
    role: Role
    pool: str
    replicas: int
    parallelism: Parallelism
    layer_partition: tuple[int, ...]
    precision: Precision
    engine: EngineChoice
    limits: EngineLimits
    memory_bytes: MemoryBytes
    traffic_share: float
    power_level: str | None = None
    sm_share_frac: SmShare | None = None
    language_only: bool = False
    class_request_per_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def role_words(self) -> str:
        """The role, with the split of the SMs where there is one (prefill before decode)."""
        if self.language_only:
            return f"{self.role}, language only"
        share = self.sm_share_frac
        return self.role if share is None else f"{self.role} {share.prefill:g}/{share.decode:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Devices of one replica: [pool, node, device in node] in rank order."""

    __pydantic_config__: ClassVar[Any] = WIRE

    group: int
    replica: int
    devices: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What one deployment gets from the plan."""

    __pydantic_config__: ClassVar[Any] = WIRE

    ttft_s: Seconds
    tpot_s: Seconds
    e2e_s: Seconds
    request_per_s: float
    output_tokens_per_s: float
    output_tokens_per_s_per_device: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money and power of the used devices; USD is null where a used device has no price."""

    __pydantic_config__: ClassVar[Any] = WIRE

    usd_per_hour: float | None
    usd_per_million_output_tokens: float | None
    watt: float
    joule_per_output_token: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPeriod:
    """One period of a day: replicas and starts of every group, in the order of the plan's groups.

    Money and power include what loads for the period; a start is made before the period begins.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    name: str
    hours: float
    replicas: tuple[int, ...]
    starts: tuple[int, ...]
    devices_used: int
    usd_per_hour: float | None
    watt: float
    request_per_s: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SloVerdict:
    """How one deployment stands to its SLO; margin = (limit - value) / limit."""

    __pydantic_config__: ClassVar[Any] = WIRE

    status: Literal["met", "near_miss", "missed"]
    margins_frac: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the prediction rests on; bands are measured/predicted at the 10 % and 90 % quantile.

    ``level`` says in words what of the combination has been measured.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    kind: Literal["roofline", "fitted", "measured", "calibrated"]
    sources: tuple[str, ...]
    error_band_frac: Mapping[str, tuple[float, float]]
    level: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why this plan: what binds, what the alternatives lack, where the time goes."""

    __pydantic_config__: ClassVar[Any] = WIRE

    bottleneck: str
    binding: tuple[str, ...]
    why_not: tuple[str, ...]
    breakdown_s: Mapping[str, Mapping[str, float]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One deployment plan.

    Over several periods ``replicas`` of a group is the most at one time, ``devices_used`` the most held at
    one time, ``cost`` the mean, and ``predicted`` the busiest period of each deployment.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    rank: int
    id: str
    objective_value: float
    gap: float | None
    devices_used: int
    devices_idle: int
    groups: tuple[Group, ...]
    placement: tuple[Placed, ...]
    predicted: Mapping[str, Predicted]
    cost: Cost
    slo: Mapping[str, SloVerdict]
    evidence: Evidence
    verified: None = None
    explanation: Explanation
    periods: tuple[PlanPeriod, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What was optimised."""

    __pydantic_config__: ClassVar[Any] = WIRE

    name: str
    unit: str
    sense: Literal["max", "min"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Proof of the bound: the duals are those of the LP relaxation."""

    __pydantic_config__: ClassVar[Any] = WIRE

    method: Literal["lp-dual", "branch-and-bound", "enumeration"]
    solver: str
    lp_bound: float | None
    lp_duals: Mapping[str, float]
    program_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """One point of a trade-off between two objectives, with a proof of its own.

    No plan has a better first objective with a second one as good as ``level``; null: none was asked.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    values: Mapping[str, float]
    level: float | None
    status: AnswerStatus
    bound: float | None
    gap: float | None
    plan_id: str
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What a change brings, from solving again; ``bound`` is that of the second solve."""

    __pydantic_config__: ClassVar[Any] = WIRE

    change: str
    from_: float
    to: float
    objective_value: float
    bound: float
    proven: bool
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was looked at, what was dropped under which name, and how long it took."""

    __pydantic_config__: ClassVar[Any] = WIRE

    candidates: int
    priced: int
    feasible: int
    undominated: int
    dropped: Mapping[str, int]
    wall_s: float
    cpu_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """The smallest change of one kind, and whether it is enough on its own."""

    __pydantic_config__: ClassVar[Any] = WIRE

    change: str
    from_: float | None
    to: float | None
    makes_feasible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasibility:
    """Which constraints bind, and the smallest relaxation of each kind."""

    __pydantic_config__: ClassVar[Any] = WIRE

    binding: tuple[str, ...]
    relaxations: tuple[Relaxation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedPlans:
    """The whole answer."""

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.plans/1"] = "shardwright.plans/1"
    scenario: Scenario
    scenario_sha256: str
    shardwright_version: str
    status: AnswerStatus
    objective: Objective
    bound: float | None
    gap: float | None
    certificate: Certificate | None
    search: Search
    plans: tuple[Plan, ...] = field(default=())
    infeasibility: Infeasibility | None = None
    frontier: tuple[FrontierPoint, ...] = ()
    sensitivities: tuple[Sensitivity, ...] = ()
