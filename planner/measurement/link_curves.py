r"""Fits latency and speed of the links between devices to timed collectives (alpha-beta law).

.. math:: t = a + s \log_2 n + \frac{V (n - 1)}{n} \frac{P}{\beta}

``P`` is the full buffer of one member, ``V`` the passes over it, both as in
:mod:`models.cost.collectives`; one set of constants serves every kind and group size.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from planner.measurement.robust_fit import Array, Target, fit, loosely_bound, residuals_frac

CONSTANTS = ("base_s", "step_s", "bytes_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSamples:
    """Timings of collectives: arrays with one entry per point; ``volume`` as passes over the payload."""

    members: Array
    volume: Array
    payload_bytes: Array
    seconds: Array

    @property
    def moved_bytes(self) -> Array:
        """What crosses the link of one device, one direction [B]."""
        moved: Array = self.volume * (self.members - 1.0) / self.members * self.payload_bytes
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCurve:
    """Cost of starting a collective, of every doubling of the group, and speed of one device."""

    base_s: float
    step_s: float
    bytes_per_s: float

    def seconds(self, samples: LinkSamples) -> Array:
        """Predicted time of each point [s]."""
        steps_s = self.base_s + self.step_s * np.log2(samples.members)
        total: Array = steps_s + samples.moved_bytes / self.bytes_per_s
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFit:
    """Fitted constants, how far the points lie from them, and those the points do not determine."""

    curve: LinkCurve
    residual_median_frac: float
    residual_p90_frac: float
    undetermined: tuple[str, ...]


def fit_links(samples: LinkSamples, prior: LinkCurve) -> LinkFit:
    """Constants that meet the points best, counted in |log predicted/measured|.

    Groups of one size cannot tell base and step apart: their sum is found, ``prior`` splits it.
    """
    start = np.log([prior.base_s, prior.step_s, prior.bytes_per_s])
    speed = np.log(np.max(samples.moved_bytes / samples.seconds))
    floor = np.log(np.min(samples.seconds))
    axes = [
        floor + np.log([0.1, 0.4, 0.9]),
        floor + np.log([0.05, 0.2, 0.5]),
        speed + np.log([0.9, 1.05, 1.3]),
    ]
    starts = np.vstack([start, *product(*axes)])
    target = Target(log_s=np.log(samples.seconds), prior=start)

    def model(theta: Array) -> tuple[Array, Array]:
        return _log_model(theta, samples)

    theta = fit(model, starts, target)
    found, loose = _curve(theta), loosely_bound(model, theta, target)
    median, p90 = residuals_frac(found.seconds(samples), samples.seconds)
    return LinkFit(
        curve=found,
        residual_median_frac=median,
        residual_p90_frac=p90,
        undetermined=tuple(name for name, open_ in zip(CONSTANTS, loose, strict=True) if open_),
    )


def _curve(theta: Array) -> LinkCurve:
    base_s, step_s, bytes_per_s = (float(value) for value in np.exp(theta))
    return LinkCurve(base_s=base_s, step_s=step_s, bytes_per_s=bytes_per_s)


def _log_model(theta: Array, samples: LinkSamples) -> tuple[Array, Array]:
    curve = _curve(theta)
    total = curve.seconds(samples)
    slopes = [
        np.full_like(total, curve.base_s),
        curve.step_s * np.log2(samples.members),
        -samples.moved_bytes / curve.bytes_per_s,
    ]
    return np.log(total), np.stack(slopes, axis=1) / total[:, None]
