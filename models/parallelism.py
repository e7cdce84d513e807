"""How one replica is cut over devices."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from models.errors import InvalidInput
from models.wire import WIRE

Degree = Annotated[int, Ge(1), Le(1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallelism:
    """Degrees of one replica; devices = tp * cp * dp * pp.

    ``dcp`` (decode context parallel) lies inside ``tp`` and adds no device; ``ep`` spreads the experts
    over the tp * cp * dp devices of a stage, what is left of them shards each expert (``moe_tp``).
    """

    __pydantic_config__: ClassVar[Any] = WIRE

    tp: Degree = 1
    pp: Degree = 1
    cp: Degree = 1
    dcp: Degree = 1
    dp: Degree = 1
    ep: Degree = 1
    sequence_parallel: bool = False

    def __post_init__(self) -> None:
        if self.stage_devices % self.ep:
            raise InvalidInput(
                f"ep={self.ep} does not divide tp*cp*dp={self.stage_devices}",
                pointer="/ep",
                hint=f"Maybe ep={self.stage_devices} (all devices of a stage) or ep=1.",
            )
        if self.dcp > self.tp * self.cp or (self.tp * self.cp) % self.dcp:
            raise InvalidInput(
                f"dcp={self.dcp} does not divide tp*cp={self.tp * self.cp}",
                pointer="/dcp",
                hint="Maybe dcp=1: it splits the KV cache inside the tp group.",
            )

    @property
    def stage_devices(self) -> int:
        """Devices of one pipeline stage."""
        return self.tp * self.cp * self.dp

    @property
    def devices(self) -> int:
        """Devices of the replica."""
        return self.stage_devices * self.pp

    @property
    def moe_tp(self) -> int:
        """Tensor-parallel degree inside each expert."""
        return self.stage_devices // self.ep

    def short(self) -> str:
        """Compact text for tables: only the degrees above one."""
        parts = [
            f"{name}{getattr(self, name)}"
            for name in ("tp", "pp", "cp", "dcp", "dp", "ep")
            if getattr(self, name) > 1
        ]
        return " ".join(parts + ["sp"] * self.sequence_parallel) or "tp1"
