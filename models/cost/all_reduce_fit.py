r"""Straight line through measured collective times, with equal weight to every size.

Times of a collective span three decades, so an ordinary least-squares line is drawn by the
largest messages alone. Dividing each residual by its measured time makes a 1 % error cost the
same everywhere:

.. math:: \min_{\alpha, \beta} \sum_i \left(\frac{\alpha + x_i / \beta}{y_i} - 1\right)^2

with message bytes :math:`x`, seconds :math:`y`, start-up time :math:`\alpha \ge 0` and bandwidth
:math:`\beta > 0`. It is linear in :math:`(\alpha, 1/\beta)`: two normal equations.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidInput

Real = TypeVar("Real", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaBeta:
    """Linear time of a collective: start-up [s] plus bytes over bandwidth [B/s]."""

    latency_s: float
    bytes_per_s: float

    def seconds(self, message_bytes: Real) -> Real:
        """Predicted time [s] of a message [B], float or array."""
        return self.latency_s + message_bytes / self.bytes_per_s


def fit_alpha_beta(message_bytes: ArrayLike, measured_s: ArrayLike) -> AlphaBeta:
    """Line of least relative squares through (bytes, seconds) points.

    Parameters
    ----------
    message_bytes, measured_s : array_like, shape [points]
        Sizes [B] and times [s], positive, with at least two different sizes.

    Raises
    ------
    InvalidInput
        If the points are too few, not positive, or fall with size.
    """
    x = np.asarray(message_bytes, dtype=np.float64)
    y = np.asarray(measured_s, dtype=np.float64)
    _check(x, y)
    # Scaled to numbers near 1 so that the normal equations are well conditioned.
    a, b = y.mean() / y, (x / x.mean()) * (y.mean() / y)
    det = float(a @ a * (b @ b) - (a @ b) ** 2)
    latency = float(a.sum() * (b @ b) - b.sum() * (a @ b)) / det
    slope = float(b.sum() * (a @ a) - a.sum() * (a @ b)) / det
    if latency < 0.0:  # a start-up time cannot be negative: the best line through the origin
        latency, slope = 0.0, float(b.sum() / (b @ b))
    if slope <= 0.0:
        raise InvalidInput(
            "measured times do not grow with the message",
            hint="Maybe sizes and times are in a different order.",
        )
    return AlphaBeta(
        latency_s=latency * float(y.mean()),
        bytes_per_s=float(x.mean()) / (slope * float(y.mean())),
    )


def relative_errors(fit: AlphaBeta, message_bytes: ArrayLike, measured_s: ArrayLike) -> NDArray[np.float64]:
    """Predicted over measured time minus one, for each point."""
    predicted_s = fit.seconds(np.asarray(message_bytes, dtype=np.float64))
    return np.asarray(predicted_s / np.asarray(measured_s, dtype=np.float64) - 1.0)


def _check(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    if x.shape != y.shape or x.ndim != 1:
        raise InvalidInput(
            f"message_bytes has shape {x.shape} but measured_s {y.shape}",
            hint="Maybe one column has a header or a gap.",
        )
    if np.unique(x).size < 2:
        raise InvalidInput(
            f"a line needs two different sizes, got {np.unique(x).size}",
            hint="Maybe only one message size was measured.",
        )
    if not (np.all(x > 0) and np.all(y > 0) and np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise InvalidInput(
            "message_bytes and measured_s must be positive and finite",
            hint="Maybe a failed run was recorded as zero.",
        )
