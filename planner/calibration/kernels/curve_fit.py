r"""Fits the curve of one kind of kernel to timed operations of one device family.

.. math:: t = n_l t_0 + (C^p + M^p)^{1/p},\quad C = \frac{c}{e_c} \Big(1 + \frac{r_0}{r}\Big),\;
    M = \frac{m + u_0 u}{e_m}

The formula of :mod:`models.cost.fitted`, where c, m and u are the samples' seconds at the device's own
figures. The power p is given: products of matrices overlap arithmetic and loads, chains of kernels do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from planner.calibration.kernels.cauchy_fit import Aim, fit
from planner.calibration.kernels.samples import Samples
from planner.measurement.robust_fit import Array

NAMES = ("compute_frac", "memory_frac", "launch_s", "half_rows", "ramp_units")
USUAL = np.log([0.55, 0.7, 5e-6, 7.4, 2.7])
SPREAD = np.array([0.6, 0.4, 1.5, 2.0, 1.5])
"""Of the logarithm; decides only what the samples leave open."""
LEAST = np.log([0.01, 0.05, 1e-7, 0.05, 0.007])
MOST = np.log([1.1, 1.1, 3.4e-4, 665.0, 55.0])
"""Fractions may pass 1 a little: caches help, and peaks are those of sustained clocks."""
STARTS = (
    (0.55, 0.75, 3.7e-6, 7.4, 2.7), (0.55, 0.6, 1e-5, 55.0, 7.4), (0.3, 0.4, 3.7e-6, 33.0, 1.0),
    (0.6, 0.75, 6e-6, 2.7, 7.4), (0.37, 0.75, 1e-5, 1.0, 3.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Constants of a kernel curve, by the names that ``kernel_efficiency.json`` gives them."""

    compute_frac: float
    memory_frac: float
    launch_s: float
    half_rows: float
    ramp_units: float
    overlap_power: float

    @classmethod
    def of_row(cls, row: Mapping[str, float]) -> "Curve":
        """A row of the table."""
        return cls(
            **{name: row.get(name, 0.0) for name in NAMES}, overlap_power=row.get("overlap_power", 1.0)
        )

    def parts_s(self, samples: Samples) -> tuple[Array, Array]:
        """Time of the arithmetic and of the memory traffic [s]."""
        compute_s = samples.compute_s / self.compute_frac * (1.0 + self.half_rows / samples.rows)
        return compute_s, (samples.memory_s + self.ramp_units * samples.unit_s) / self.memory_frac

    def seconds(self, samples: Samples) -> Array:
        """Predicted time of each sample [s]."""
        compute_s, memory_s = self.parts_s(samples)
        power = self.overlap_power
        both: Array = (compute_s**power + memory_s**power) ** (1.0 / power)
        return samples.launches * self.launch_s + both


def fit_curve(samples: Samples, overlap_power: float) -> Curve:
    """Constants that meet most samples best, counted in the logarithm of predicted over measured."""
    used = len(NAMES) if np.any(samples.unit_s > 0.0) else len(NAMES) - 1
    aim = Aim(
        log_s=np.log(samples.seconds),
        usual=USUAL[:used],
        spread=SPREAD[:used],
        least=LEAST[:used],
        most=MOST[:used],
    )

    def model(theta: Array) -> tuple[Array, Array]:
        log_s, slopes = _log_model(_curve(theta, overlap_power), samples)
        return log_s, slopes[:, :used]

    return _curve(fit(model, np.log([start[:used] for start in STARTS]), aim), overlap_power)


def residuals(curve: Curve, samples: Samples) -> tuple[float, float]:
    """Median and 90 % quantile of \\|log predicted/measured\\|."""
    off = np.abs(np.log(curve.seconds(samples) / samples.seconds))
    return float(np.median(off)), float(np.quantile(off, 0.9))


def _curve(theta: Array, overlap_power: float) -> Curve:
    found = dict(zip(NAMES, (float(value) for value in np.exp(theta)), strict=False))
    return Curve(**{"ramp_units": 0.0, **found}, overlap_power=overlap_power)


def _log_model(curve: Curve, samples: Samples) -> tuple[Array, Array]:
    compute_s, memory_s = curve.parts_s(samples)
    total, power = curve.seconds(samples), curve.overlap_power
    both = (compute_s**power + memory_s**power) ** (1.0 / power)
    compute, memory = (compute_s / both) ** power * both, (memory_s / both) ** power * both
    ramp = curve.ramp_units * samples.unit_s
    slopes = (
        -compute,
        -memory,
        samples.launches * curve.launch_s,
        compute * curve.half_rows / (samples.rows + curve.half_rows),
        memory * ramp / (samples.memory_s + ramp),
    )
    return np.log(total), np.stack(slopes, axis=1) / total[:, None]
