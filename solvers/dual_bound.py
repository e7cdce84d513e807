r"""A bound on any program from row multipliers alone: no trust in the solver that gave them.

For every choice of y (zero where the row has no bound on that side), minimising gives

.. math:: z \ge \sum_i \left(y_i^+ \, row\_lb_i - y_i^- \, row\_ub_i\right)
          + \sum_j \min_{lb_j \le x_j \le ub_j} (c_j - y'A_j)\, x_j

by weak duality; maximising is the mirror image. Any y is valid, the duals of the linear relaxation are best.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from solvers.csr import Floats
from solvers.program import Program, Sense

MARGIN = 1e-13
"""Share of the summed magnitudes given away for rounding in floats; several hundred unit roundoffs."""


def dual_bound(program: Program, multipliers: Floats) -> float:
    """Evaluate the bound in floats, rounded outwards; infinite where the multipliers prove nothing.

    Parameters
    ----------
    program
        The program, read as its linear relaxation.
    multipliers
        One number per row, signed as d objective / d right-hand side [rows].
    """
    y, c = _minimising(program, multipliers)
    side = np.where(y > 0, program.row_lb, program.row_ub)
    y = np.where(np.isfinite(side), y, 0.0)
    from_rows = y * np.where(np.isfinite(side), side, 0.0)
    reduced = c - program.rows.transpose_dot(y)
    magnitude = np.abs(c) + np.bincount(
        program.rows.indices,
        weights=np.abs(program.rows.data * y[program.rows.row_of]),
        minlength=program.n_cols,
    )
    at = np.where(reduced > 0, program.lb, program.ub)
    # A reduced cost within rounding of zero still counts with the worse of the two bounds.
    if not np.isfinite(at[reduced != 0]).all():
        return -np.inf if program.sense is Sense.MIN else np.inf
    at = np.where(reduced != 0, at, 0.0)
    reach = np.maximum(np.where(np.isfinite(program.lb), np.abs(program.lb), 0.0), _reach(program))
    margin = MARGIN * float(np.abs(from_rows).sum() + (magnitude * reach).sum())
    bound = math.fsum([*from_rows.tolist(), *(reduced * at).tolist(), -margin])
    return bound + program.obj_offset if program.sense is Sense.MIN else program.obj_offset - bound


def exact_dual_bound(program: Program, multipliers: Floats) -> Fraction | None:
    """Evaluate the bound in rationals; None where the multipliers prove nothing."""
    y, c = _minimising(program, multipliers)
    reduced = [Fraction(float(value)) for value in c]
    total = Fraction(0)
    for i in np.flatnonzero(y):
        side = float(program.row_lb[i] if y[i] > 0 else program.row_ub[i])
        if not math.isfinite(side):
            continue
        price = Fraction(float(y[i]))
        total += price * Fraction(side)
        for position in range(int(program.rows.indptr[i]), int(program.rows.indptr[i + 1])):
            column = int(program.rows.indices[position])
            reduced[column] -= price * Fraction(float(program.rows.data[position]))
    for j, rate in enumerate(reduced):
        if rate == 0:
            continue
        at = float(program.lb[j] if rate > 0 else program.ub[j])
        if not math.isfinite(at):
            return None
        total += rate * Fraction(at)
    offset = Fraction(program.obj_offset)
    return offset + total if program.sense is Sense.MIN else offset - total


def exact_violation(program: Program, x: Floats) -> Fraction:
    """Largest absolute violation of a row, bound or integrality by a point, in rationals."""
    point = [Fraction(float(value)) for value in x]
    worst = Fraction(0)
    for j, value in enumerate(point):
        worst = max(worst, _outside(value, float(program.lb[j]), float(program.ub[j])))
        if program.integer[j]:
            worst = max(worst, abs(value - round(value)))
    for i in range(program.n_rows):
        span = range(int(program.rows.indptr[i]), int(program.rows.indptr[i + 1]))
        terms = (Fraction(float(program.rows.data[p])) * point[int(program.rows.indices[p])] for p in span)
        worst = max(worst, _outside(sum(terms, Fraction(0)), program.row_lb[i], program.row_ub[i]))
    return worst


def _outside(value: Fraction, low: float, high: float) -> Fraction:
    """Distance of a value to the interval [low, high]."""
    below = Fraction(float(low)) - value if math.isfinite(low) else Fraction(0)
    above = value - Fraction(float(high)) if math.isfinite(high) else Fraction(0)
    return max(below, above, Fraction(0))


def _minimising(program: Program, multipliers: Floats) -> tuple[Floats, Floats]:
    """Give multipliers and costs of the same program as a minimisation."""
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    return sign * np.asarray(multipliers, dtype=np.float64), sign * program.obj


def _reach(program: Program) -> Floats:
    return np.where(np.isfinite(program.ub), np.abs(program.ub), 0.0)
