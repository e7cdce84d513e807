"""Error bands of a calibration: what its left-out points say, blended with the shipped band."""

from collections.abc import Sequence

import numpy as np

from models.calibration import METRICS, Metric
from models.cost.base import Array
from planner import predict
from planner.bands import error_band_frac
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.robust_fit import Residuals

HALF_POINTS = 20.0
"""Left-out points at which the calibration's own quantiles weigh as much as the shipped band."""
QUANTILES = (0.1, 0.9)
Band = tuple[float, float]


def bands(rows: Sequence[MeasuredRow], left_out: Residuals | None) -> dict[Metric, Band]:
    """Measured over predicted at the 10 % and 90 % quantile, per metric."""
    shipped: dict[Metric, Band] = {metric: _shipped(rows, metric) for metric in METRICS}
    if left_out is None:
        return shipped
    own: dict[Metric, Array] = {"ttft_s": left_out.ttft, "tpot_s": left_out.tpot}
    return {metric: blended(shipped[metric], own[metric]) for metric in METRICS}


def blended(shipped: Band, residual: Array) -> Band:
    """Between the quantiles of residuals (predicted over measured) and a band, by the number of points."""
    weight = len(residual) / (len(residual) + HALF_POINTS)
    # residuals are predicted over measured: the band is the other way round
    own = -np.quantile(residual, QUANTILES[::-1])
    low, high = np.exp(weight * own + (1.0 - weight) * np.log(shipped))
    return round(float(low), 4), round(float(high), 4)


def _shipped(rows: Sequence[MeasuredRow], metric: Metric) -> Band:
    """Geometric mean of the bands that the rows have without a calibration."""
    found = np.array([error_band_frac(predict.setting_of(r.row), metric) for r in rows])
    low, high = np.exp(np.log(found).mean(axis=0))
    return round(float(low), 4), round(float(high), 4)
