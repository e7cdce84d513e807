"""Error bands from residuals: quantiles of measured over predicted, for models that were measured or not.

Bands of engines or kinds of model do not carry over from one family to the next (left-out families fall
outside them more often than outside the pooled one), so only what is known about the model itself splits
them: rows of a measured model get the in-sample spread, all others that of left-out families.
"""

from typing import Any

import numpy as np

from models.cost.base import Array
from planner.calibration.robust_fit import Residuals

QUANTILES = (0.1, 0.9)
SPARE_POWER = 1.1
"""Widening of the quantiles: those of four families understate what a fifth does (0.75 of its rows)."""


def bands(seen: Residuals, left_out: Residuals) -> dict[str, dict[str, Any]]:
    """Measured over predicted per metric: of measured models and of others."""
    return {
        metric: {
            "measured": band(getattr(seen, short)),
            "unmeasured": band(getattr(left_out, short)),
        }
        for metric, short in (("tpot_s", "tpot"), ("ttft_s", "ttft"))
    }


def band(residual: Array) -> dict[str, Any]:
    """80 % band of residuals, which are logarithms of predicted over measured."""
    low, high = (float(np.exp(-SPARE_POWER * np.quantile(residual, q))) for q in QUANTILES[::-1])
    return {"range": [round(low, 3), round(high, 3)], "points": len(residual)}
