"""How far serving measurements may move a parameter: standard deviations of its logarithm, by name.

Kernel curves are anchored to kernel timings and hardly move; overheads and the serving loop, which no kernel
timing sees, move most. Effects of one device family, engine, format or version are smaller than what is
common to all, and are what an unseen one does without.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STRENGTH = 15.0
"""Weight of the prior against the rows, which are not independent of each other."""

BASE: dict[str, float] = {
    "small_s": 1.5e-6,
    "eager_s": 1.5e-6,
    "host_step_s": 1.2e-4,
    "host_sequence_s": 1.5e-5,
    "fixed": 5e-3,
    "own": 1.65,
    "steps": 6.0,
    "burst": 0.22,
}
"""Constants the factors start from [s, counts]: small kernels 1-2 us, the host's step is mostly hidden."""

DEVIATION: tuple[tuple[str, float], ...] = (
    (r"(compute|memory)/.*", 0.1),
    (r"launch/.*", 0.15),
    (r"half_rows/.*", 0.7),
    (r"part/.*", 0.4),
    (r"(all_reduce|all_to_all|context|head|pipeline)/.*", 0.2),
    (r"small", 0.5),
    (r"small/(vllm|sglang|trtllm)", 0.3),
    (r"small/.*", 0.2),
    (r"eager", 1.0),
    (r"eager/.*", 0.5),
    (r"host_.*", 0.5),
    (r"overhead/.*", 0.3),
    (r"step/.*", 0.05),
    (r"(fixed|own|steps|burst)", 2.0),
    (r"(fixed|own|steps|burst)/[^/]*", 1.4),
    (r"(fixed|own|steps|burst)/.*", 0.2),
    (r"(gemm|grouped_gemm)/(bf16|fp8|fp8_block|int4|int8|mxfp4|nvfp4)", 0.1),
    (r".*/.*", 0.05),
)


def deviations(names: Sequence[str]) -> NDArray[np.float64]:
    """Prior standard deviation of every parameter; the constant column cannot move."""
    return np.array([_deviation(name) if name else 1e-9 for name in names])


def _deviation(name: str) -> float:
    return next(width for pattern, width in DEVIATION if re.fullmatch(pattern, name))
