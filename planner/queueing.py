r"""Waiting times in closed form: Allen-Cunneen means, exponential tails, occupancy of a batch.

Until plans are verified by simulation, percentiles come from these formulas:

* mean wait of one server: :math:`W = \frac{\rho}{1-\rho} \frac{c_a^2 + c_s^2}{2} s` (Allen-Cunneen);
* its tail is exponential with mass :math:`\rho`: :math:`W_p = \frac{W}{\rho} \ln\frac{\rho}{1-p}` for
  :math:`p > 1 - \rho`, else 0;
* the batch a request meets, averaged over its own stay, is normal with variance
  :math:`\frac{2}{3} b \max(c_a^2, ...)` around the mean b (infinite-server queue, constant stay);
* lengths are log-normal with the given mean and coefficient of variation.

Sums of percentiles are taken as percentile of the sum (comonotone, so an upper estimate).
"""

from statistics import NormalDist

import numpy as np

from models.cost.base import Array

Statistic = float | str
"""A percentile in (0, 1), or "mean"."""


def mean_wait_s(utilisation_frac: Array, service_s: Array, arrival_cv: float, service_cv: float) -> Array:
    """Mean wait before one server [s]; infinite at full load."""
    variation = (arrival_cv**2 + service_cv**2) / 2.0
    if variation == 0.0:
        # a fully regular stream does not queue below full load
        return np.zeros(np.broadcast_shapes(np.shape(utilisation_frac), np.shape(service_s)))
    busy = np.clip(utilisation_frac, 0.0, 1.0)
    factor = np.where(busy < 1.0, busy / np.maximum(1.0 - busy, 1e-12), np.inf)
    wait: Array = factor * variation * np.maximum(service_s, 1e-300)
    return wait


def wait_s(statistic: Statistic, mean_s: Array, utilisation_frac: Array) -> Array:
    """A percentile of the wait, or its mean [s]."""
    if isinstance(statistic, str):
        return mean_s
    busy = np.clip(utilisation_frac, 1e-12, 1.0)
    tail: Array = mean_s / busy * np.log(np.maximum(busy / (1.0 - statistic), 1.0))
    return tail


def length_factor(statistic: Statistic, cv: float) -> float:
    """A percentile of a log-normal length over its mean."""
    if isinstance(statistic, str) or cv <= 0:
        return 1.0
    sigma2 = float(np.log1p(cv**2))
    return float(np.exp(NormalDist().inv_cdf(statistic) * sigma2**0.5 - sigma2 / 2.0))


def met_batch(statistic: Statistic, batch: Array, arrival_cv: float) -> Array:
    """Running sequences a request meets on average over its stay, at a percentile over requests."""
    if isinstance(statistic, str):
        return batch
    spread = NormalDist().inv_cdf(statistic) * np.sqrt(2.0 / 3.0 * batch) * arrival_cv
    met: Array = np.maximum(batch + spread, np.minimum(batch, 1.0))
    return met


def peak_batch(batch: Array, arrival_cv: float) -> Array:
    """Running sequences that are exceeded one per cent of the time: what the engine must have room for."""
    peak: Array = batch + NormalDist().inv_cdf(0.99) * np.sqrt(batch) * arrival_cv
    return peak
