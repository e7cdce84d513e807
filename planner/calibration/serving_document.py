"""The fitted corrections as the data file they are shipped in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.cost import terms
from planner.calibration.design import Design
from planner.calibration.evaluate import Vector
from planner.calibration.fit_bands import bands
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.priors import BASE, STRENGTH
from planner.calibration.robust_fit import Residuals, named, residuals
from planner.predict import setting_of

SOURCE = "serving measurements: silicon samples of aiconfigurator 0.12.0 (Apache-2.0), aggregated rows"
WHY: dict[str, str] = {
    "small_s": "a small kernel inside a CUDA graph, 1-2 us",
    "eager_s": "launch of a kernel from the host, a few us",
    "host_step_s": "scheduling and sampling that the device waits for, 0.1-0.9 ms a step",
    "host_sequence_s": "15-50 us a running sequence",
    "fixed": "tokenising, scheduling, network",
    "own": "an arrival waits for the running chunk, then its own: 1-2",
    "steps": "streaming and scheduler intervals, 0.5-9 steps",
    "burst": "odds of the share of a burst that is ahead: 0.08-0.67 over harnesses",
}


def document(
    design: Design, theta: Vector, by_family: Residuals, rows: Sequence[MeasuredRow]
) -> dict[str, Any]:
    """Parameters with what they were fitted to, in-sample residuals, and bands of left-out rows."""
    found = residuals(design, theta)
    tpot, ttft = np.abs(np.expm1(found.tpot)), np.abs(np.expm1(found.ttft))
    fitted_bands = bands(found, by_family)
    fitted_bands["e2e_s"] = fitted_bands["tpot_s"]
    return {
        "schema": "shardwright.serving-fit/1",
        "kind": "fitted",
        "source": SOURCE,
        "sources": [SOURCE],
        "fit": {
            "points": len(design.rows),
            "families": sorted({r.family for r in rows}),
            "devices": sorted({r.row.device for r in rows}),
            "prior_strength": STRENGTH,
            "residual_median_frac": {
                "tpot_s": round(float(np.median(tpot)), 3), "ttft_s": round(float(np.median(ttft)), 3)
            },
            "residual_p90_frac": {
                "tpot_s": round(float(np.quantile(tpot, 0.9)), 3),
                "ttft_s": round(float(np.quantile(ttft, 0.9)), 3),
            },
        },
        "base": {
            name: {"value": value, "kind": "assumed", "source": WHY[name]} for name, value in BASE.items()
        },
        "parameters": named(design.names, theta),
        "seen": {
            "models": sorted({setting_of(r.row).spec.id for r in rows}),
            "families": sorted({setting_of(r.row).site.device.family for r in rows}),
            "versions": sorted({terms.version_key(r.row.engine.name, r.row.engine.version) for r in rows}),
        },
        "bands": fitted_bands,
    }  # fmt: skip
