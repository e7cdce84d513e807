r"""A user's correction: the shipped parameters, moved as far as a few measurements of one's own bear it out.

Maximum a posteriori, the shipped values as prior mean: :math:`\theta_j \sim N(\theta_j^0, (k \sigma_j)^2)`
with the widths :math:`\sigma_j` of :mod:`planner.calibration.priors`. Ten points move what they tell apart
and leave the rest where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models import codec
from models.calibration import Calibration, CalibrationError, MeasuredSystem
from models.cost import serving_fit
from models.cost.base import Array
from models.cost.calibrated import shipped_hash
from models.errors import InvalidInput, TooLarge
from models.prediction import PredictRow
from planner.calibration import design, robust_fit, user_bands
from planner.calibration.design import Design
from planner.calibration.folds import folds
from planner.calibration.measured_rows import MeasuredRow
from planner.calibration.priors import deviations
from planner.calibration.robust_fit import Prior, Residuals

WIDTH = 1.5
"""k: chosen on devices and families left out, see docs/calibrating.md."""
MOST_FOLDS = 20
MOST_POINTS = 2000
LARGEST_LOG = 6.9


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFit:
    """A calibration and its points; residuals are logarithms of predicted over measured, per row.

    ``left_out`` predicts every row from the others; None where all rows are one configuration.
    """

    calibration: Calibration
    rows: tuple[MeasuredRow, ...]
    before: Residuals
    after: Residuals
    left_out: Residuals | None


def fit(rows: Sequence[MeasuredRow], *, name: str, sources: Sequence[str]) -> UserFit:
    """Calibrate on measured rows of aggregated replicas without pipeline stages.

    Raises
    ------
    InvalidInput
        No rows, or one that has no prediction to correct.
    TooLarge
        More than ``MOST_POINTS`` rows.
    """
    _check(rows)
    arrays = design.build(rows)
    prior = prior_of(arrays.names)
    every = np.ones(len(arrays.rows), dtype=bool)
    theta = np.clip(robust_fit.fit(arrays, every, prior), -LARGEST_LOG, LARGEST_LOG)
    before, after = robust_fit.residuals(arrays, prior.center), robust_fit.residuals(arrays, theta)
    without = left_out(arrays, prior)
    calibration = Calibration(
        name=name,
        systems=systems_of(arrays.rows),
        parameters={n: round(float(v), 4) for n, v in zip(arrays.names, theta, strict=True) if n},
        points=len(arrays.rows),
        error_frac={
            "ttft_s": _errors(before.ttft, after.ttft, None if without is None else without.ttft),
            "tpot_s": _errors(before.tpot, after.tpot, None if without is None else without.tpot),
        },
        error_band_frac=user_bands.bands(arrays.rows, without),
        fitted_on=shipped_hash(),
        sources=tuple(sources),
    )
    return UserFit(
        calibration=codec.from_plain(Calibration, codec.to_plain(calibration)),
        rows=arrays.rows, before=before, after=after, left_out=without,
    )  # fmt: skip


def _check(rows: Sequence[MeasuredRow]) -> None:
    if not rows:
        raise InvalidInput(
            "no measured point is left to calibrate with",
            hint="Maybe the files lack model, device, engine or tp.",
        )
    if len(rows) > MOST_POINTS:
        raise TooLarge(f"{len(rows)} measured points, more than {MOST_POINTS}")
    for measured in rows:
        if not measured.aggregated or measured.row.groups[0].parallelism.pp > 1:
            raise InvalidInput(f"{measured.row.id} is disaggregated, or has pipeline stages")


def prior_of(names: Sequence[str], shipped: dict[str, float] | None = None) -> Prior:
    """Shipped values as the mean, ``WIDTH`` times the usual widths around them; unknown names start at 0."""
    values = serving_fit.shipped().parameters if shipped is None else shipped
    return Prior(
        center=np.array([values.get(name, 0.0) for name in names]),
        deviation=WIDTH * deviations(names),
        strength=1.0,
    )


def left_out(arrays: Design, prior: Prior) -> Residuals | None:
    """Every row by a fit without its configuration; repeats of one configuration go together."""
    keys = [_configuration(r.row) for r in arrays.rows]
    order = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    if len(order) < 2:
        return None
    labels = [f"{order[key] % MOST_FOLDS:03d}" for key in keys]
    tpot, ttft = np.zeros(len(keys)), np.zeros(len(keys))
    for fold in folds(labels):
        found = robust_fit.residuals(arrays, robust_fit.fit(arrays, ~fold.left_out, prior))
        tpot[fold.left_out], ttft[fold.left_out] = found.tpot[fold.left_out], found.ttft[fold.left_out]
    return Residuals(tpot, ttft)


def _configuration(row: PredictRow) -> str:
    return codec.to_json(replace(row, id=""), indent=None)


def systems_of(rows: Sequence[MeasuredRow]) -> tuple[MeasuredSystem, ...]:
    """What was measured, the systems with most points first."""
    members: dict[tuple[str, str], list[PredictRow]] = {}
    for measured in rows:
        row = measured.row
        members.setdefault((row.device, row.engine.name), []).append(row)
    return tuple(
        MeasuredSystem(
            device=device,
            engine=engine,  # type: ignore[arg-type]
            versions=_most_first([r.engine.version for r in mine if r.engine.version]),
            models=_most_first([str(r.model) for r in mine]),
            points=len(mine),
        )
        for (device, engine), mine in sorted(members.items(), key=lambda item: -len(item[1]))
    )


def _most_first(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(names), key=names.count, reverse=True))


def _errors(before: Array, after: Array, without: Array | None) -> CalibrationError:
    return CalibrationError(
        before_frac=median_error(before),
        after_frac=median_error(after),
        left_out_frac=None if without is None else median_error(without),
    )


def median_error(residual: Array) -> float:
    r"""Median of :math:`|predicted/measured - 1|` from logarithms of the ratio."""
    return round(float(np.median(np.abs(np.expm1(residual)))), 4)
