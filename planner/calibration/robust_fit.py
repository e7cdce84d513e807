r"""Maximum a posteriori fit: Gauss-Newton on relative errors with Cauchy weights.

Minimises :math:`\sum_i \rho(r_i) + \tfrac{\lambda}{2} \sum_j (\theta_j / \sigma_j)^2`, where r are the
logarithms of predicted over measured TPOT and TTFT. Cauchy weights :math:`1/(1 + (r/s)^2)` let rows that
no plain decoding explains lose their pull.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.cost.base import Array
from planner.calibration.design import Design
from planner.calibration.evaluate import Vector, closed_loop
from planner.calibration.priors import BASE, STRENGTH, deviations

TPOT_SCALE, TTFT_SCALE = 0.10, 0.20
TTFT_WEIGHT = 1.0
STEPS, LONGEST_STEP, STILL = 25, 0.4, 2e-3


@dataclass(frozen=True, slots=True)
class Residuals:
    """Logarithm of predicted over measured, per row."""

    tpot: Array
    ttft: Array


def residuals(design: Design, theta: Vector) -> Residuals:
    """How far the prediction of every row is off."""
    tpot, ttft = closed_loop(design, BASE, theta)
    return Residuals(np.log(tpot.of / design.tpot_s), np.log(ttft.of / design.ttft_s))


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Where the parameters start from, how far each may move, and how strongly the start holds."""

    center: Vector
    deviation: Vector
    strength: float

    @classmethod
    def kernels(cls, names: Sequence[str]) -> "Prior":
        """Kernel timings as they are; see :mod:`planner.calibration.priors`."""
        return cls(center=np.zeros(len(names)), deviation=deviations(names), strength=STRENGTH)


def fit(
    design: Design,
    rows: NDArray[np.bool_],
    prior: Prior | None = None,
    *,
    on_step: Callable[[int], None] | None = None,
) -> Vector:
    """Parameters fitted to the chosen rows."""
    prior = prior or Prior.kernels(design.names)
    weight = prior.strength / prior.deviation**2
    theta = prior.center.copy()
    for k in range(STEPS):
        curvature, slope = np.diag(weight), weight * (theta - prior.center)
        for by, error, scale, share in _pulls(design, theta, rows):
            pull = share / scale**2 / (1.0 + (error / scale) ** 2)
            curvature = curvature + (by * pull[:, None]).T @ by
            slope = slope + by.T @ (pull * error)
        move = np.clip(np.linalg.solve(curvature, slope), -LONGEST_STEP, LONGEST_STEP)
        theta = theta - move
        if on_step:
            on_step(k)
        if np.abs(move).max() < STILL:
            break
    return theta


def _pulls(
    design: Design, theta: Vector, rows: NDArray[np.bool_]
) -> Iterator[tuple[Array, Array, float, float]]:
    """For each metric: derivatives and errors of the logarithm, scale of its noise, its weight."""
    tpot, ttft = closed_loop(design, BASE, theta)
    for value, measured, scale, share in (
        (tpot, design.tpot_s, TPOT_SCALE, 1.0),
        (ttft, design.ttft_s, TTFT_SCALE, TTFT_WEIGHT),
    ):
        yield (value.by / value.of[:, None])[rows], np.log(value.of / measured)[rows], scale, share


def named(names: Sequence[str], theta: Vector) -> dict[str, float]:
    """Fitted parameters by name, those that did not move left out."""
    return {
        name: round(float(value), 4)
        for name, value in sorted(zip(names, theta, strict=True))
        if name and abs(value) >= 5e-4
    }
