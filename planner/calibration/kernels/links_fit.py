r"""Fits the latency of the all-reduce kernels that engines bring along to their timings.

.. math:: t = a + s \log_2 n + 2 \frac{n - 1}{n} \frac{P}{\beta}

as :mod:`models.cost.collectives` prices them; the speed :math:`\beta` is that of the link row, so messages
are small ones, where it hardly matters. All engines and versions count: each brings its own kernel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.cost.collectives import VOLUME
from planner.calibration.kernels.cauchy_fit import Aim, fit
from planner.calibration.kernels.tables import MILLISECOND_S, Shape
from planner.measurement.robust_fit import Array

ELEMENT_BYTES = 2.0
"""The tables count a message in bf16 elements."""
MOST_BYTES, MOST_MEMBERS = 131_072.0, 8
"""Larger messages are a matter of speed, larger groups of kernels that engines do not bring."""
USUAL, SPREAD = np.log([4e-6, 4e-7]), np.array([1.0, 1.0])
LEAST, MOST = np.log([1e-7, 1e-9]), np.log([1e-4, 1e-5])
STARTS = np.log([[4e-6, 4e-7], [2e-6, 1e-6], [8e-6, 1e-7]])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceSample:
    """One timed all-reduce: devices, payload of one of them [B], time, time of the bytes alone [s]."""

    members: int
    payload_bytes: float
    seconds: float
    moving_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceFit:
    """Latency of a group of one, formally, and of every doubling [s]; |log predicted/measured|."""

    base_s: float
    step_s: float
    points: int
    residual_median_frac: float
    residual_p90_frac: float


def reduce_samples(rows: Iterable[Shape], bytes_per_s: float) -> tuple[ReduceSample, ...]:
    """Timings replayed from a graph, of small messages, as bytes and seconds."""
    found = []
    for row in rows:
        n, payload = row["num_gpus"], row["message_size"] * ELEMENT_BYTES
        if n > MOST_MEMBERS or payload > MOST_BYTES or (row.get("backend") or "").endswith("_eager"):
            continue
        moving_s = VOLUME["all_reduce"] * (n - 1) / n * payload / bytes_per_s
        seconds = row["latency"] * MILLISECOND_S
        found.append(ReduceSample(members=n, payload_bytes=payload, seconds=seconds, moving_s=moving_s))
    return tuple(found)


def fit_reduce(samples: Sequence[ReduceSample]) -> ReduceFit:
    """Constants that meet most timings best, counted in the logarithm of predicted over measured."""
    doublings = np.log2([float(s.members) for s in samples])
    moving_s, seconds = np.array([[s.moving_s, s.seconds] for s in samples]).T
    aim = Aim(log_s=np.log(seconds), usual=USUAL, spread=SPREAD, least=LEAST, most=MOST)

    def model(theta: Array) -> tuple[Array, Array]:
        base_s, step_s = np.exp(theta)
        total = base_s + step_s * doublings + moving_s
        slopes = np.stack([np.full_like(total, base_s), step_s * doublings], axis=1)
        return np.log(total), slopes / total[:, None]

    theta = fit(model, STARTS, aim)
    off = np.abs(model(theta)[0] - aim.log_s)
    return ReduceFit(
        base_s=float(np.exp(theta[0])),
        step_s=float(np.exp(theta[1])),
        points=len(samples),
        residual_median_frac=float(np.median(off)),
        residual_p90_frac=float(np.quantile(off, 0.9)),
    )
