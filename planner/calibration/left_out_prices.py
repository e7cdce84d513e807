"""Predictions of measured rows under any fit: as shipped, or without the rows of a family or device."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.cost.base import Array
from models.cost.fitted import Fitted
from models.cost.serving_fit import ServingFit
from planner import predict
from planner.calibration import design, robust_fit
from planner.calibration.folds import folds
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.priors import BASE


@dataclass(frozen=True, slots=True)
class Prices:
    """Predicted means per row [s]; NaN where a row has none."""

    tpot_s: Array
    ttft_s: Array


def priced(rows: Sequence[MeasuredRow], fit: ServingFit) -> Prices:
    """Every row under one fit, aggregated and disaggregated."""
    groups: dict[object, list[int]] = defaultdict(list)
    for i, measured in enumerate(rows):
        row = measured.row
        roles = tuple(g.role for g in row.groups)
        groups[(str(row.model), row.device, row.engine, row.precision, roles)].append(i)
    tpot, ttft = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for members in groups.values():
        chosen = [rows[i].row for i in members]
        engine = chosen[0].engine
        source = Fitted(fit=fit).serving(engine.name, engine.version)
        found = predict.closed_loop_of(replace(predict.setting_of(chosen[0]), cost=source), chosen)
        tpot[members], ttft[members] = found.tpot_s, found.ttft_s
    return Prices(tpot, ttft)


def fitted_to(
    arrays: design.Design, rows: NDArray[np.bool_], start: robust_fit.Prior | None = None
) -> ServingFit:
    """Corrections fitted to some rows of a design."""
    theta = robust_fit.fit(arrays, rows, start)
    return ServingFit(
        base=dict(BASE),
        parameters=dict(zip(arrays.names, map(float, theta), strict=True)),
        sources=("left-out fit",),
    )


def left_out(
    rows: Sequence[MeasuredRow],
    arrays: design.Design,
    labels: Callable[[MeasuredRow], str],
    *,
    on_fold: Callable[[str], None] | None = None,
) -> Prices:
    """Every row under a fit that has seen no row of its label; suspected rows are never fitted to."""
    own = np.array([labels(r) for r in rows])
    seen = [labels(r) for r in arrays.rows]
    trusted = np.array([not r.suspected for r in arrays.rows])
    tpot, ttft = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for fold in folds(sorted(set(own))):
        keep = trusted & (np.array(seen) != fold.name)
        members = [int(i) for i in np.flatnonzero(own == fold.name)]
        found = priced([rows[i] for i in members], fitted_to(arrays, keep))
        tpot[members], ttft[members] = found.tpot_s, found.ttft_s
        if on_fold:
            on_fold(fold.name)
    return Prices(tpot, ttft)
