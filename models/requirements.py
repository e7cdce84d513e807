"""What the traffic and the SLO ask of hardware: the inverse question (``shardwright.requirements/1``)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from models.device_factors import Figure
from models.plan import AnswerStatus, Evidence, Group
from models.precision import Precision
from models.scenario import Scenario
from models.wire import WIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What stands in the way of a device at any number, with the nearest value it reaches.

    ``nearest_s`` is the least latency of an unloaded replica that meets all other limits, None where no
    replica does; ``missing_bytes_per_device`` the memory that the best layout lacks.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    cause: Literal["memory", "ttft", "tpot", "e2e", "rules"]
    limit_s: float | None = None
    nearest_s: float | None = None
    missing_bytes_per_device: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FewestDevices:
    """Fewest devices of one type that serve one deployment alone within its SLO.

    ``pool`` is the scenario's pool the nodes are like; None: the catalogue's. ``bound_devices`` is proven:
    no fewer serve. ``watt`` and ``usd_per_hour`` are those of the devices used; USD is None without a price.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    device: str
    pool: str | None
    status: AnswerStatus
    devices: int | None = None
    nodes: int | None = None
    bound_devices: int | None = None
    gap: float | None = None
    usd_per_hour: float | None = None
    watt: float | None = None
    groups: tuple[Group, ...] = ()
    evidence: Evidence | None = None
    shortfalls: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryShare:
    """Memory of each of so many devices that hold one copy between them, split evenly [B]."""

    __pydantic_config__: ClassVar[Any] = WIRE

    devices: int
    bytes_per_device: float
    slo_bytes_per_device: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterconnectFloor:
    """What every device of a layout sends per second, direction out, behind which nothing else hides [B/s].

    For ``tp`` every device of the group; for ``pp`` the devices of one stage together.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    axis: Literal["tp", "pp"]
    degree: int
    ttft_bytes_per_s: float | None
    tpot_bytes_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareFloor:
    """Closed forms that no hardware gets below, at one precision of one deployment.

    Attributes
    ----------
    rate_per_s : float or None
        Requests per second in the busiest period; of a closed loop those its SLO implies.
    concurrency : float or None
        Requests in flight at that rate when each takes as long as the SLO allows (Little's law).
    weight_bytes, sequence_bytes : float
        All weights, and the cache of one sequence of the longest length planned for [B].
    memory_bytes : float
        Their sum: less holds not even one request [B].
    slo_memory_bytes : float or None
        Weights and the caches of ``concurrency`` requests of mean length [B]: for hardware just as slow
        as the SLO allows; faster hardware holds fewer requests at once.
    memory_shares : tuple of MemoryShare
        Both, over a number of devices.
    prompt_flop : float
        Products of one mean prompt [FLOP].
    load_flop_per_s : float or None
        Prompts at the rate, all devices together [FLOP/s].
    ttft_flop_per_s : float or None
        One prompt within the TTFT limit, the devices of one replica together [FLOP/s].
    step_bytes : float
        Read from memory for one token of one sequence: weights it passes, its cache [B].
    tpot_bytes_per_s : float or None
        The same within the TPOT limit, the devices of one replica together [B/s].
    load_bytes_per_s : float or None
        Weights once per TPOT limit and the cache of every sequence in decode, all devices together [B/s].
    interconnect : tuple of InterconnectFloor
        By degree of tensor and pipeline parallelism.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    precision: Precision
    rate_per_s: float | None
    concurrency: float | None
    weight_bytes: float
    sequence_bytes: float
    memory_bytes: float
    slo_memory_bytes: float | None
    memory_shares: tuple[MemoryShare, ...]
    prompt_flop: float
    load_flop_per_s: float | None
    ttft_flop_per_s: float | None
    step_bytes: float
    tpot_bytes_per_s: float | None
    load_bytes_per_s: float | None
    interconnect: tuple[InterconnectFloor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRequirements:
    """What one deployment needs when it is alone."""

    __pydantic_config__: ClassVar[Any] = WIRE

    deployment: str
    fewest: tuple[FewestDevices, ...]
    floors: tuple[HardwareFloor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastFigure:
    """Smallest value of one figure of a pool's device, the rest unchanged, that serves the scenario.

    ``least`` and ``own`` are in ``unit``; ``factor`` = least / own goes into ``device_factors`` of the pool,
    times the one it has.
    ``failing_factor`` is the largest one tried that is not enough.
    ``status``: found (the two factors lie 1 % apart), bracketed (further apart: the time was up),
    not_needed (still served at the smallest factor tried), not_enough_alone (not even at the largest).
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    pool: str
    device: str
    figure: Figure
    unit: str
    own: float
    status: Literal["found", "bracketed", "not_needed", "not_enough_alone", "not_computed"]
    least: float | None = None
    factor: float | None = None
    failing_factor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsAnswer:
    """The least hardware that meets the SLO of a scenario.

    ``status``: optimal (every count proven), feasible (every deployment has a device that serves it),
    infeasible (none of those asked for serves some deployment), time_limit (not known in time).
    ``scenario_feasible``: whether the cluster as it stands serves the traffic as given; None: not known in
    time. ``not_computed`` names what the time did not suffice for.
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    schema: Literal["shardwright.requirements/1"] = "shardwright.requirements/1"
    scenario: Scenario
    scenario_sha256: str
    shardwright_version: str
    status: AnswerStatus
    scenario_feasible: bool | None
    deployments: tuple[DeploymentRequirements, ...]
    least: tuple[LeastFigure, ...]
    factors_tried: tuple[float, float]
    not_computed: tuple[str, ...]
    wall_s: float
    cpu_s: float
