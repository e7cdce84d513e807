"""Fits every row of the table of efficiencies to the operator tables of all devices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from planner.calibration.kernels import operations, tables
from planner.calibration.kernels.curve_fit import Curve, fit_curve, residuals
from planner.calibration.kernels.pools import SEED, Counted, Pool

OVERLAP = {"gemm": 2.0}
"""One matrix product loads its next tile while it multiplies this one; the other kinds are chains of
kernels, or wait for their loads: 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelFit:
    """The curve of one row, the points it rests on, and how far it is from them in \\|log\\|.

    ``held_out`` are the residuals (median, 90 % quantile) at half of the shapes of a curve fitted to the
    other half.
    """

    pool: Pool
    curve: Curve
    residual_median_frac: float
    residual_p90_frac: float
    held_out: tuple[float, float]


def counted_tables(directory: Path) -> Iterator[tuple[str, Counted]]:
    """Every table of every device as counted operations, beside the device's folder."""
    for folder in tables.DEVICES:
        for name in operations.COUNTED:
            yield folder, operations.operations(name, tables.read(directory, folder, name))


def fit_kernels(found: Sequence[Pool]) -> Iterator[KernelFit]:
    """One fit per pool, in their order."""
    for pool in found:
        power, points = OVERLAP.get(pool.kind, 1.0), pool.samples.seconds.size
        curve = fit_curve(pool.samples, power)
        median, p90 = residuals(curve, pool.samples)
        shuffled = np.random.default_rng(SEED).permutation(points)
        half = fit_curve(pool.samples.take(shuffled[: points // 2]), power)
        yield KernelFit(
            pool=pool,
            curve=curve,
            residual_median_frac=median,
            residual_p90_frac=p90,
            held_out=residuals(half, pool.samples.take(shuffled[points // 2 :])),
        )
