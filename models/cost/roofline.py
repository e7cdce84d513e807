r"""Roofline: an operation takes :math:`\max(F / \pi, B / \beta)`, nothing else (Williams et al. 2009)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.cost.base import Array, CollectiveKind, Operation, Overheads, ServingLoop, Span
from models.cost.collectives import LinkSpeeds, collective_seconds
from models.hardware import Device
from models.precision import COMPUTE_FORMAT


def peak_flop_per_s(device: Device, weight_format: str) -> float:
    """Dense peak of the device for weights of this format; formats it lacks are widened to bf16."""
    return device.peak_flop_per_s.get(COMPUTE_FORMAT[weight_format]) or device.peak_flop_per_s["bf16"]


def roofline_seconds(flop: Array, moved_bytes: Array, flop_per_s: float, bytes_per_s: float) -> Array:
    """Lower bound of an operation's time [s]."""
    bound: Array = np.maximum(flop / flop_per_s, moved_bytes / bytes_per_s)
    return bound


@dataclass(frozen=True, slots=True)
class Roofline:
    """Ideal hardware: full peaks, no launch cost, collectives at nominal link speed."""

    name: str = "roofline"
    kind: Literal["roofline"] = "roofline"
    sources: tuple[str, ...] = ("device datasheets",)

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation [s]."""
        matmul = operation.kind in ("gemm", "grouped_gemm")
        peak = peak_flop_per_s(device, operation.format if matmul else "bf16")
        return roofline_seconds(operation.flop, operation.bytes, peak, device.memory_bytes_per_s)

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of a collective at nominal link speed [s]."""
        return collective_seconds(kind, payload_bytes, span, LinkSpeeds.nominal(device))

    def serving(self, engine: str, version: str | None) -> "Roofline":
        """Ideal hardware knows no engine."""
        return self

    def overheads(self, device: Device) -> Overheads:
        """An ideal host and ideal launches cost nothing."""
        return Overheads()

    def loop(self) -> ServingLoop:
        """Half a step until the arrival is scheduled, a quarter of a burst ahead of it (kind assumed)."""
        return ServingLoop()
