"""A first plan within milliseconds: round the linear solution, then mend rows one unit at a time.

Every step moves one count by one: the move that takes most of the rows' violation away for each unit of cost.
It ends when no row is violated, or without a plan when no move helps.
"""

from __future__ import annotations

import numpy as np

from solvers.csr import Floats, Ints
from solvers.program import FEASIBILITY_TOLERANCE, Program
from solvers.restriction import restrict

COLUMNS = 400
"""Columns of smallest reduced cost that may move, beside those already used."""
CELLS = 100_000
"""Entries of the table of rows and moving columns at most; larger programs get no plan here."""
STEPS = 400
"""Moves at most."""
INTEGRAL = 1e-6
"""Distance to a whole number that is rounding."""
SMALLEST_COST = 1e-9
"""Cost of a move, as a share of the mean, below which all moves are alike."""


def round_and_mend(program: Program, point: Floats, reduced_costs: Floats) -> Floats | None:
    """Give a point within all rows, or None.

    Parameters
    ----------
    program
        A minimisation.
    point
        Solution of its linear relaxation, or another point near a good plan [columns].
    reduced_costs
        Reduced costs of the relaxation [columns].
    """
    x = np.where(program.integer, np.floor(point + INTEGRAL), point)
    x = np.clip(x, program.lb, program.ub)
    if not program.integer.any():
        return None
    moving = _moving(program, x, reduced_costs)
    held = np.ones(program.n_cols, dtype=np.bool_)
    held[moving] = False
    small = restrict(program, np.where(held, x, program.lb), np.where(held, x, program.ub))
    if small.program.n_rows * small.program.n_cols > CELLS:
        return None
    mended = _mend(small.program, x[small.columns])
    if mended is None:
        return None
    whole = small.whole(mended)
    return whole if program.is_feasible(whole) else None


def _moving(program: Program, x: Floats, reduced_costs: Floats) -> Ints:
    """Integer columns in use, and those of smallest reduced cost."""
    movable = program.integer & (program.lb < program.ub)
    order = np.argsort(np.where(movable, reduced_costs, np.inf), kind="stable")[:COLUMNS]
    chosen = movable & (x > program.lb)
    chosen[order] = True
    return np.flatnonzero(chosen & movable)


def _mend(program: Program, x: Floats) -> Floats | None:
    """Move counts by one until no row is violated."""
    size = np.maximum(_finite(program.row_lb), _finite(program.row_ub))
    size = np.where(size > 0, size, np.maximum(program.rows.row_max_abs(), 1.0))
    table = program.rows.to_dense() / size[:, None]
    low, high = program.row_lb / size, program.row_ub / size
    activity = table @ x
    rising = np.maximum(program.obj, SMALLEST_COST * np.abs(program.obj).mean())
    for _ in range(STEPS):
        now = _violation(activity[:, None], low, high)[0]
        if now <= FEASIBILITY_TOLERANCE / 2:
            return x
        up = now - _violation(activity[:, None] + table, low, high)
        down = now - _violation(activity[:, None] - table, low, high)
        # what lowers the cost as well is only weighed by how far it mends
        merit = np.concatenate([up / rising, down / rising])
        merit[np.concatenate([x + 1.0 > program.ub, x - 1.0 < program.lb])] = -np.inf
        move = int(np.argmax(merit))
        if not merit[move] > 0.0:
            return None
        column, step = move % len(x), 1.0 if move < len(x) else -1.0
        x[column] += step
        activity += step * table[:, column]
    return None


def _violation(activity: Floats, low: Floats, high: Floats) -> Floats:
    """Sum of the violations of all rows for each column of activities."""
    over = np.maximum(low[:, None] - activity, activity - high[:, None])
    return np.asarray(np.maximum(over, 0.0).sum(axis=0))


def _finite(bound: Floats) -> Floats:
    return np.where(np.isfinite(bound), np.abs(bound), 0.0)
