r"""Robust least squares of positive constants in the logarithm, for curves with kinks.

.. math:: \min_\theta \sum_i \rho(\log t(\theta)_i - \log t_i) + \mu |\theta - \theta_0|^2,\quad
   \rho(r) = \delta^2 (\sqrt{1 + (r/\delta)^2} - 1)

``rho`` is quadratic for the residuals of a good point and linear beyond ``delta``, so that a tenth of wild
points hardly moves the rest. The weak pull towards ``theta_0`` decides only what the points leave open.
Gauss-Newton steps with Levenberg's damping from several starts, then a compass search, because a sharp
transition between two regimes has a kink on which a gradient gets stuck.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LogModel = Callable[[Array], tuple[Array, Array]]
"""Logarithms of the constants to the logarithm of each point's time, and its Jacobian."""

PULL = 1e-4
WIDTHS = (0.1, 0.01)
"""``delta`` of the first pass, wide enough to find the valley, and of the second: nearly least deviation."""
STARTS, KEPT = 24, 5
"""Guesses that are followed down, and valleys that are searched to the bottom."""
STEPS = 60
LOOSE = 0.2
"""Standard deviation of a constant's logarithm beyond which it is not called found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Logarithms of the measured times, and of the constants to fall back to."""

    log_s: Array
    prior: Array


def fit(model: LogModel, starts: Array, target: Target) -> Array:
    """Logarithms of the constants.

    Parameters
    ----------
    model : LogModel
        The curve.
    starts : Array
        One row per guess; the best few are followed down.
    target : Target
        What to meet.
    """
    wide, narrow = WIDTHS
    guesses = _best(model, starts, target, wide)[:STARTS]
    valleys = [_descend(model, guess, target, wide) for guess in guesses]
    kept = _best(model, np.array(valleys), target, wide)[:KEPT]
    bottoms = [_compass(model, _descend(model, theta, target, narrow), target, narrow) for theta in kept]
    found: Array = _best(model, np.array(bottoms), target, narrow)[0]
    return found


def _best(model: LogModel, thetas: Array, target: Target, width: float) -> Array:
    """The same rows, cheapest first."""
    costs = [_cost(model(theta)[0], theta, target, width) for theta in thetas]
    ordered: Array = thetas[np.argsort(costs, kind="stable")]
    return ordered


def loosely_bound(model: LogModel, theta: Array, target: Target) -> list[bool]:
    """Whether each constant could be off by more than :data:`LOOSE` and the points would hardly tell.

    From the covariance of the linearised fit, at the scatter that the residuals show.
    """
    log_s, jacobian = model(theta)
    scatter = max(1.4826 * float(np.median(np.abs(log_s - target.log_s))), WIDTHS[-1])
    information = jacobian.T @ jacobian / scatter**2 + 1e-6 * np.eye(theta.size)
    return [bool(variance > LOOSE**2) for variance in np.diag(np.linalg.inv(information))]


def residuals_frac(predicted_s: Array, measured_s: Array) -> tuple[float, float]:
    """Median and 90 % quantile of \\|predicted / measured - 1\\|."""
    off = np.abs(predicted_s / measured_s - 1.0)
    return float(np.median(off)), float(np.quantile(off, 0.9))


def _cost(log_s: Array, theta: Array, target: Target, width: float) -> float:
    scaled = (log_s - target.log_s) / width
    lost = width**2 * np.sum(np.sqrt(1.0 + scaled**2) - 1.0)
    return float(lost + 0.5 * PULL * np.sum((theta - target.prior) ** 2))


def _descend(model: LogModel, theta: Array, target: Target, width: float) -> Array:
    damping = 1e-3
    log_s, jacobian = model(theta)
    cost = _cost(log_s, theta, target, width)
    for _ in range(STEPS):
        off = log_s - target.log_s
        weighted = jacobian / np.sqrt(1.0 + (off / width) ** 2)[:, None]
        normal = weighted.T @ jacobian + PULL * np.eye(theta.size)
        slope = weighted.T @ off + PULL * (theta - target.prior)
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -slope)
        trial = theta + np.clip(step, -1.0, 1.0)
        trial_log_s, trial_jacobian = model(trial)
        trial_cost = _cost(trial_log_s, trial, target, width)
        if trial_cost < cost:
            gained = cost - trial_cost
            theta, log_s, jacobian, cost = trial, trial_log_s, trial_jacobian, trial_cost
            damping = max(damping / 5.0, 1e-9)
            if gained < 1e-10 * max(cost, 1e-10):
                break
        else:
            damping *= 5.0
            if damping > 1e9:
                break
    return theta


def _compass(model: LogModel, theta: Array, target: Target, width: float) -> Array:
    """Try each constant a little up and down, with ever smaller steps."""
    cost = _cost(model(theta)[0], theta, target, width)
    moves = np.vstack([np.eye(theta.size), -np.eye(theta.size)])
    size = 0.1
    while size > 1e-3:
        trials = theta + size * moves
        costs = [_cost(model(trial)[0], trial, target, width) for trial in trials]
        least = int(np.argmin(costs))
        if costs[least] < cost - 1e-12:
            theta, cost = trials[least], costs[least]
        else:
            size /= 2.0
    return theta
