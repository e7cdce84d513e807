"""Timed operations of several devices as arrays, relative to what each device can do on paper."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from models.cost.roofline import peak_flop_per_s
from models.hardware import Device
from planner.calibration.kernels.counts import Count
from planner.measurement.robust_fit import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """One entry per timed shape.

    Attributes
    ----------
    compute_s, memory_s, unit_s : Array
        Seconds of the FLOP at the device's peak, of the bytes and of one expert's weights at its bandwidth.
    rows, launches : Array
        As in :class:`models.cost.base.Operation`.
    seconds : Array
        Measured.
    """

    compute_s: Array
    memory_s: Array
    unit_s: Array
    rows: Array
    launches: Array
    seconds: Array

    def take(self, chosen: slice | Array) -> "Samples":
        """Some of the entries."""
        return Samples(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


def of_device(counted: Sequence[tuple[Count, float]], device: Device) -> Samples:
    """Counts of one kind and format on one device."""
    first = counted[0][0]
    # attention multiplies in bf16 whatever the cache holds
    peak = peak_flop_per_s(device, first.format if first.kind in ("gemm", "grouped_gemm") else "bf16")
    columns = np.array([[c.flop, c.bytes, c.unit_bytes, c.rows, c.launches, s] for c, s in counted]).T
    speed = device.memory_bytes_per_s
    return Samples(
        compute_s=columns[0] / peak,
        memory_s=columns[1] / speed,
        unit_s=columns[2] / speed,
        rows=columns[3],
        launches=columns[4],
        seconds=columns[5],
    )


def together(parts: Sequence[Samples]) -> Samples:
    """Entries of several devices one after the other."""
    return Samples(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Samples)}
    )
