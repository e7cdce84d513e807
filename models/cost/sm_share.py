r"""A phase on a share of the SMs: compute scales with the share, memory bandwidth is shared by contention.

Sets        prefill on a share :math:`\sigma` of the SMs, decode on :math:`1 - \sigma`, at the same time

.. math:: r(x) = \min(1, x / x_s), \quad
    m_p = \min\left(r(\sigma), \max(\tfrac12, 1 - r(1 - \sigma))\right), \quad
    m_d = \min\left(r(1 - \sigma), 1 - u_p\right)

``r(x)`` is the bandwidth a share x can draw alone, whole from the share :math:`x_s` on. Decode always draws
all it can: prefill gets the max-min fair part :math:`m_p` beside it. Prefill waits for memory a share of its
time only: :math:`u_p` is what it draws on average, and decode has the rest. An operation with F FLOP and B
bytes then takes as long as one with :math:`F / \sigma` and :math:`B / m` on the whole device. Launches, host
and links are not split. Every part is of kind *assumed* (``sm_share.json``).
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from models.cost.base import Array, CollectiveKind, CostSource, Operation, Overheads, ServingLoop, Span
from models.hardware import Device


@cache
def _table() -> dict[str, Any]:
    text = (files("models") / "data" / "sm_share.json").read_text()
    table: dict[str, Any] = json.loads(text)
    return table


def can_split(device: Device) -> bool:
    """Whether kernels can be held to a part of the device's SMs."""
    return device.vendor in _table()["vendors"]


def saturation_frac(family: str) -> float:
    """Share of the SMs that draws the whole bandwidth of device memory, by device family."""
    rows = _table()["bandwidth_saturation_frac"]
    return float(rows.get(family, rows["default"])["value"])


def reach_frac(share_frac: Array, saturation: float) -> Array:
    """Bandwidth a share of the SMs draws when the others are still, over that of the device."""
    reached: Array = np.minimum(share_frac / saturation, 1.0)
    return reached


def prefill_memory_frac(share_frac: Array, saturation: float) -> Array:
    """Bandwidth left to prefill on ``share_frac`` while decode on the rest draws all it can."""
    beside = np.maximum(0.5, 1.0 - reach_frac(1.0 - share_frac, saturation))
    left: Array = np.minimum(reach_frac(share_frac, saturation), beside)
    return left


def decode_memory_frac(share_frac: Array, drawn_frac: Array, saturation: float) -> Array:
    """Bandwidth left to decode while prefill on ``share_frac`` draws ``drawn_frac`` on average."""
    left: Array = np.minimum(reach_frac(1.0 - share_frac, saturation), 1.0 - drawn_frac)
    return left


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCost:
    """A cost source seen from a part of the device; shares are arrays over candidates."""

    whole: CostSource
    compute_frac: Array
    memory_frac: Array

    @property
    def name(self) -> str:
        """Name of the source for the whole device."""
        return self.whole.name

    @property
    def kind(self) -> Literal["roofline", "fitted", "measured", "calibrated"]:
        """Level of evidence of the source for the whole device."""
        return self.whole.kind

    @property
    def sources(self) -> tuple[str, ...]:
        """Where its numbers come from."""
        return self.whole.sources

    def serving(self, engine: str, version: str | None) -> "SharedCost":
        """The same shares of the source for one engine."""
        return replace(self, whole=self.whole.serving(engine, version))

    def seconds(self, device: Device, operation: Operation) -> Array:
        """Time of the operation on its part of the device [s]."""
        stretched = replace(
            operation,
            flop=operation.flop / self.compute_frac,
            bytes=operation.bytes / self.memory_frac,
            unit_bytes=operation.unit_bytes / self.memory_frac,
        )
        return self.whole.seconds(device, stretched)

    def collective_s(self, device: Device, kind: CollectiveKind, payload_bytes: Array, span: Span) -> Array:
        """Time of a collective: links are not split [s]."""
        return self.whole.collective_s(device, kind, payload_bytes, span)

    def overheads(self, device: Device) -> Overheads:
        """Launches, host and collectives' factors."""
        return self.whole.overheads(device)

    def loop(self) -> ServingLoop:
        """Constants of the serving loop."""
        return self.whole.loop()
