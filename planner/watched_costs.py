"""Prices that are written down as they are asked for: work and seconds of every operation and exchange."""

from dataclasses import dataclass, field
from typing import Literal

from models.cost.base import Array, CollectiveKind, CostSource, Operation, Overheads, ServingLoop, Span
from models.hardware import Device
from planner.step import StepCost, StepModel
from planner.step_load import StepLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCost:
    """A cost source whose operations and payloads of collectives [B] are kept beside their prices."""

    source: CostSource
    operations: list[Operation] = field(default_factory=list)
    payload_bytes: list[Array] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the source that is watched."""
        return self.source.name

    @property
    def kind(self) -> Literal["roofline", "fitted", "measured", "calibrated"]:
        """Level of evidence of the source that is watched."""
        return self.source.kind

    @property
    def sources(self) -> tuple[str, ...]:
        """Where its numbers come from."""
        return self.source.sources

    def serving(self, engine: str, version: str | None) -> "WatchedCost":
        """The same for one engine, with lists of its own."""
        return WatchedCost(source=self.source.serving(engine, version))

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation, which is written down [s]."""
        self.operations.append(operation)
        return self.source.seconds(device, operation)

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of the collective, whose payload is written down [s]."""
        self.payload_bytes.append(payload_bytes)
        return self.source.collective_s(device, kind, payload_bytes, span)

    def overheads(self, device: Device) -> Overheads:
        """Launches, host and factors of the source."""
        return self.source.overheads(device)

    def loop(self) -> ServingLoop:
        """Constants of the serving loop."""
        return self.source.loop()


@dataclass(frozen=True, kw_only=True)
class WatchedModel(StepModel):
    """A step model that keeps the loads it was asked to price, newest last."""

    loads: list[StepLoad] = field(default_factory=list)

    @classmethod
    def of(cls, model: StepModel) -> "WatchedModel":
        """The same model, watched."""
        return cls(
            setting=model.setting, layouts=model.layouts, overlap=model.overlap, even_stages=model.even_stages
        )

    def cost(self, load: StepLoad) -> StepCost:
        """Price of one step, whose load is kept."""
        self.loads.append(load)
        return super().cost(load)
