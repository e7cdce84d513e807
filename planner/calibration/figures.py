"""Figures of merit of predictions: errors, bias, coverage, bands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.cost.base import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One metric over a group of rows; errors are |predicted/measured - 1|.

    Attributes
    ----------
    rows : int
        Rows of the group.
    coverage_frac : float
        Share that has a prediction; the errors are over these.
    median_frac, p90_frac : float
        Error.
    bias_frac : float
        Median of predicted/measured - 1: positive is predicted too slow.
    in_band_frac, band_width : float
        Share of measured values inside the stated 80 % band, and its median width in units of the prediction.
    """

    rows: int
    coverage_frac: float
    median_frac: float
    p90_frac: float
    bias_frac: float
    in_band_frac: float
    band_width: float


def figures(predicted: Array, measured: Array, bands: Array) -> Figures:
    """Figures of one group; ``bands`` is ``[row, 2]``, measured over predicted."""
    priced = np.isfinite(predicted)
    ratio = predicted[priced] / measured[priced]
    low, high = bands[priced].T
    inside = (low <= 1.0 / ratio) & (1.0 / ratio <= high)
    error = np.abs(ratio - 1.0)
    return Figures(
        rows=len(predicted),
        coverage_frac=float(priced.mean()) if len(predicted) else 0.0,
        median_frac=_quantile(error, 0.5),
        p90_frac=_quantile(error, 0.9),
        bias_frac=_quantile(ratio, 0.5) - 1.0,
        in_band_frac=float(inside.mean()) if len(inside) else float("nan"),
        band_width=_quantile(high - low, 0.5),
    )


def _quantile(values: Array, q: float) -> float:
    return float(np.quantile(values, q)) if len(values) else float("nan")


def rank_correlation(left: Array, right: Array) -> float:
    """Spearman's correlation of two rankings."""
    first, second = (np.argsort(np.argsort(v)).astype(float) for v in (left, right))
    return float(np.corrcoef(first, second)[0, 1])


Mask = NDArray[np.bool_]
