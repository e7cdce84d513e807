"""What holds an operator: products, device memory, or launches that neither of them explains."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from models.cost.base import Operation
from models.hardware import Device
from models.precision import COMPUTE_FORMAT

Roof = Literal["compute", "memory", "launch"]
EXPLAINED_FRAC = 0.25
"""Share of an operator's time that the higher of its two roofs has to explain to be what holds it."""


def flop_of(operations: Sequence[Operation]) -> float:
    """Work of one call [FLOP]."""
    return sum(_one(o.flop) for o in operations)


def bytes_of(operations: Sequence[Operation]) -> float:
    """Traffic with device memory of one call [B]."""
    return sum(_one(o.bytes) for o in operations)


def peak_of(device: Device, operations: Sequence[Operation]) -> tuple[str, float]:
    """Format that most of the work is multiplied in, and the dense peak of the device for it [FLOP/s]."""
    main = max(operations, key=lambda o: _one(o.flop))
    matrices = main.kind in ("gemm", "grouped_gemm")
    number_format = COMPUTE_FORMAT[main.format] if matrices else "bf16"
    if number_format not in device.peak_flop_per_s:
        number_format = "bf16"
    return number_format, device.peak_flop_per_s[number_format]


def roof_of(device: Device, operations: Sequence[Operation], time_s: float) -> Roof:
    """The higher roof; ``launch`` where it explains less than a quarter of the time."""
    if not operations:
        return "launch"
    compute_s = flop_of(operations) / peak_of(device, operations)[1]
    memory_s = bytes_of(operations) / device.memory_bytes_per_s
    if max(compute_s, memory_s) < EXPLAINED_FRAC * time_s:
        return "launch"
    return "compute" if compute_s >= memory_s else "memory"


def _one(value: object) -> float:
    return float(np.ravel(np.asarray(value))[0])
