r"""Least squares of bounded constants with Cauchy weights, from several starts.

.. math:: \min_\theta \frac1n \sum_i \log\big(1 + (r_i/s)^2\big) + \frac1{2n} \sum_j
    \Big(\frac{\theta_j - \theta_{0j}}{\sigma_j}\Big)^2,\quad r = \log t(\theta) - \log t

A tenth of the entries of the operator tables is off by factors, nearly all on the slow side: kernels that
an engine would not choose. Under the convex loss of :mod:`planner.measurement.robust_fit` they still pull
the constants; here their pull vanishes with their distance.
"""

from dataclasses import dataclass

import numpy as np

from planner.measurement.robust_fit import Array, LogModel

SCALE = 0.4
"""A residual of this size weighs half; the usual values weigh as much as one sample."""
STEPS, LONGEST_STEP, STILL = 60, 0.7, 1e-9
MOST_DAMPING = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Logarithms of the measured times; of the constants the usual values, their spread and bounds."""

    log_s: Array
    usual: Array
    spread: Array
    least: Array
    most: Array


def fit(model: LogModel, starts: Array, aim: Aim) -> Array:
    """Logarithms of the constants; ``starts`` has one row per guess."""
    found = [_descend(model, np.clip(start, aim.least, aim.most), aim) for start in starts]
    best: Array = min(found, key=lambda end: end[0])[1]
    return best


def _cost(log_s: Array, theta: Array, aim: Aim) -> float:
    lost = np.log1p(((log_s - aim.log_s) / SCALE) ** 2).sum()
    lost += _far(theta, aim) @ _far(theta, aim) / 2.0
    return float(lost) / aim.log_s.size


def _far(theta: Array, aim: Aim) -> Array:
    far: Array = (theta - aim.usual) / aim.spread
    return far


def _descend(model: LogModel, theta: Array, aim: Aim) -> tuple[float, Array]:
    """Gauss-Newton with Levenberg's damping; each step is cut at the bounds."""
    damping = 1e-2
    log_s, jacobian = model(theta)
    cost = _cost(log_s, theta, aim)
    for _ in range(STEPS):
        step = _step(log_s - aim.log_s, jacobian, _far(theta, aim) / aim.spread, aim, damping)
        trial = np.clip(theta + np.clip(step, -LONGEST_STEP, LONGEST_STEP), aim.least, aim.most)
        trial_log_s, trial_jacobian = model(trial)
        trial_cost = _cost(trial_log_s, trial, aim)
        if trial_cost < cost - STILL:
            theta, log_s, jacobian, cost = trial, trial_log_s, trial_jacobian, trial_cost
            damping /= 3.0
        else:
            damping *= 4.0
            if damping > MOST_DAMPING:
                break
    return cost, theta


def _step(off: Array, jacobian: Array, pull: Array, aim: Aim, damping: float) -> Array:
    weight = 2.0 / SCALE**2 / (1.0 + (off / SCALE) ** 2)
    normal = (jacobian * weight[:, None]).T @ jacobian + np.diag(aim.spread**-2.0)
    slope = jacobian.T @ (weight * off) + pull
    step: Array = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -slope)
    return step
