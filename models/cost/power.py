"""Power of a device: idle draw plus utilisation times the rest (kind *assumed* where no source exists).

A linear law between idle and peak draw; prefill of long prompts reaches the full draw, decode about
half to two thirds of it, which a memory-bound step's weight reflects (BLOOM-176B on A100, splitwise-sim
power data: prompt phase at the rated power from 1,024 tokens on, request average 0.54-0.66).
"""

import numpy as np

from models.cost.base import Array

MEMORY_BOUND_WEIGHT_FRAC = 0.6
"""Share of the dynamic range that a purely memory-bound step draws (kind assumed, see above)."""


def draw_watt(idle_watt: float, peak_watt: float, compute_frac: Array, busy_frac: Array) -> Array:
    """Average draw of one device [W].

    ``compute_frac`` is the share of busy time in which the tensor cores work at full rate, ``busy_frac``
    the share of wall time in which the device works at all.
    """
    weight = MEMORY_BOUND_WEIGHT_FRAC + (1.0 - MEMORY_BOUND_WEIGHT_FRAC) * np.clip(compute_frac, 0.0, 1.0)
    watt: Array = idle_watt + (peak_watt - idle_watt) * weight * np.clip(busy_frac, 0.0, 1.0)
    return watt
