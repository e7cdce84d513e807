r"""Fits the curve of a kernel family to timings.

.. math:: t = n_l t_0 + (t_c^p + t_m^p)^{1/p}, \quad t_c = \frac{F (r + r_0)}{C r}, \; t_m = \frac{B}{\beta}

Five constants: the launch floor, the FLOP/s many rows reach, the bytes/s few rows reach, the rows at which
half of the FLOP/s is reached, and how well arithmetic and memory traffic overlap (1: one after the other,
many: the longer hides the shorter). :mod:`models.cost.fitted` evaluates the same curve with :math:`C` and
:math:`\beta` as fractions of a device's figures.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from planner.measurement.robust_fit import Array, Target, fit, loosely_bound, residuals_frac

LEAST_POWER, MOST_POWER = 1.0, 20.0
"""At 20 the corner of the two regimes is rounded by 3.5 %; beyond, small times underflow."""
CONSTANTS = ("compute_frac", "memory_frac", "launch_s", "overlap_power", "half_rows")
"""In the order of the logarithms, by the names that rows of efficiencies give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSamples:
    """Timings of one kernel family: arrays with one entry per point."""

    launches: Array
    flop: Array
    bytes: Array
    rows: Array
    seconds: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCurve:
    """The five constants in absolute units; ``half_rows`` 0: rows do not matter."""

    flop_per_s: float
    bytes_per_s: float
    launch_s: float
    half_rows: float
    overlap_power: float

    def parts_s(self, samples: KernelSamples) -> tuple[Array, Array]:
        """Time of the arithmetic and of the memory traffic of each point [s]."""
        compute_s = samples.flop * (1.0 + self.half_rows / samples.rows) / self.flop_per_s
        return compute_s, samples.bytes / self.bytes_per_s

    def seconds(self, samples: KernelSamples) -> Array:
        """Predicted time of each point [s]."""
        compute_s, memory_s = self.parts_s(samples)
        power = self.overlap_power
        together: Array = (compute_s**power + memory_s**power) ** (1.0 / power)
        return samples.launches * self.launch_s + together


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFit:
    """A fitted curve, how far the points lie from it, and the constants they do not determine."""

    curve: KernelCurve
    residual_median_frac: float
    residual_p90_frac: float
    undetermined: tuple[str, ...]


def fit_curve(samples: KernelSamples, prior: KernelCurve) -> CurveFit:
    """Constants that meet the points best, counted in |log predicted/measured|.

    ``prior`` fills in what the points leave open; its ``half_rows`` of 0 switches the rows off.
    """
    start = _logarithms(prior)
    target = Target(log_s=np.log(samples.seconds), prior=start)

    def model(theta: Array) -> tuple[Array, Array]:
        return _log_model(theta, samples)

    theta = fit(model, _starts(samples, start), target)
    found, loose = _curve(theta), loosely_bound(model, theta, target)
    median, p90 = residuals_frac(found.seconds(samples), samples.seconds)
    return CurveFit(
        curve=found,
        residual_median_frac=median,
        residual_p90_frac=p90,
        undetermined=tuple(name for name, open_ in zip(CONSTANTS, loose, strict=False) if open_),
    )


def _logarithms(curve: KernelCurve) -> Array:
    four = [curve.flop_per_s, curve.bytes_per_s, curve.launch_s, curve.overlap_power]
    return np.log([*four, curve.half_rows] if curve.half_rows > 0.0 else four)


def _curve(theta: Array) -> KernelCurve:
    flop_per_s, bytes_per_s, launch_s, power = (float(value) for value in np.exp(theta[:4]))
    return KernelCurve(
        flop_per_s=flop_per_s,
        bytes_per_s=bytes_per_s,
        launch_s=launch_s,
        overlap_power=min(max(power, LEAST_POWER), MOST_POWER),
        half_rows=float(np.exp(theta[4])) if theta.size > 4 else 0.0,
    )


def _log_model(theta: Array, samples: KernelSamples) -> tuple[Array, Array]:
    curve = _curve(theta)
    power, (compute_s, memory_s) = curve.overlap_power, curve.parts_s(samples)
    longer = np.maximum(compute_s, memory_s)
    # both relative to the longer, so that no power of a small time underflows
    shares = np.stack([compute_s / longer, memory_s / longer])
    powers = shares**power
    norm = powers.sum(axis=0)
    together = longer * norm ** (1.0 / power)
    total = samples.launches * curve.launch_s + together
    weights = powers / norm
    bend = (weights * np.log(np.maximum(shares, 1e-300))).sum(axis=0) - np.log(norm) / power
    slopes = [
        -together * weights[0],
        -together * weights[1],
        samples.launches * curve.launch_s,
        together * bend,
        together * weights[0] * curve.half_rows / (samples.rows + curve.half_rows),
    ]
    return np.log(total), np.stack(slopes[: theta.size], axis=1) / total[:, None]


def _starts(samples: KernelSamples, prior: Array) -> Array:
    """A coarse grid around the best rates any point reaches."""
    rates = [np.max(samples.flop / samples.seconds), np.max(samples.bytes / samples.seconds)]
    compute, memory = (np.log(rate) if rate > 0 else known for rate, known in zip(rates, prior, strict=False))
    floor = np.log(np.min(samples.seconds / samples.launches))
    axes = [
        compute + np.log([0.95, 1.2]),
        memory + np.log([0.95, 1.2]),
        floor + np.log([0.03, 0.1, 0.3, 0.7]),
        np.log([1.3, 3.0, 10.0]),
        np.log([1.0, 10.0, 30.0, 100.0, 300.0]),
    ]
    return np.vstack([prior, *product(*axes[: prior.size])])
