"""One fixed configuration to price, and its price (``shardwright predict``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, MaxLen, MinLen

from models.errors import InvalidInput
from models.parallelism import Parallelism
from models.plan import Evidence
from models.precision import Precision
from models.scenario import EngineChoice, InlineModel
from models.wire import WIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictGroup:
    """Equal replicas; ``max_batch`` caps the running sequences of one attention-dp rank."""

    __pydantic_config__: ClassVar[Any] = WIRE

    role: Literal["aggregated", "prefill", "decode", "colocated"]
    replicas: Annotated[int, Ge(1), Le(10_000_000)]
    max_batch: Annotated[int, Ge(1), Le(10_000_000)] | None = None
    parallelism: Parallelism

    @property
    def devices(self) -> int:
        """Devices of the group."""
        return self.replicas * self.parallelism.devices


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRow:
    """A closed loop: ``concurrency`` requests in flight over all replicas."""

    __pydantic_config__: ClassVar[Any] = WIRE

    id: str
    model: Annotated[str, MinLen(1), MaxLen(300)] | InlineModel
    device: Annotated[str, MinLen(1), MaxLen(200)]
    engine: EngineChoice
    precision: Precision = Precision()
    input_tokens: Annotated[float, Ge(1), Le(100_000_000)]
    output_tokens: Annotated[float, Ge(1), Le(100_000_000)]
    concurrency: Annotated[float, Ge(1e-6), Le(100_000_000)]
    devices: Annotated[int, Ge(1), Le(10_000_000)] | None = None
    groups: Annotated[tuple[PredictGroup, ...], MinLen(1), MaxLen(2)]

    def __post_init__(self) -> None:
        roles = sorted(g.role for g in self.groups)
        if "colocated" in roles:
            raise InvalidInput(
                "role colocated has no closed loop: a split of the SMs is priced for open arrivals only",
                pointer=f"/groups/{[g.role for g in self.groups].index('colocated')}/role",
                hint="Maybe plan or check a scenario with this role.",
            )
        if roles not in (["aggregated"], ["decode", "prefill"]):
            raise InvalidInput(
                f"groups have the roles {', '.join(roles)}",
                pointer="/groups",
                hint="Maybe one aggregated group, or one prefill and one decode group.",
            )
        total = sum(g.devices for g in self.groups)
        if self.devices is not None and self.devices != total:
            raise InvalidInput(
                f"devices={self.devices}, but the groups hold {total}",
                pointer="/devices",
                hint="Maybe a degree is missing: devices = replicas * tp * cp * dp * pp, summed over groups.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Price of one row; ``reason`` says why there is none."""

    __pydantic_config__: ClassVar[Any] = WIRE

    id: str | None
    status: Literal["ok", "invalid", "unsupported"]
    reason: str | None = None
    ttft_s: Mapping[str, float] | None = None
    tpot_s: Mapping[str, float] | None = None
    output_tokens_per_s: float | None = None
    memory_ok: bool | None = None
    evidence: Evidence | None = None
