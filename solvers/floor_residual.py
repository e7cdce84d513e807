"""Programs with large counts: keep most of the linear solution, search the rest, then search all from there.

On many thousand devices the linear solution is nearly whole: every count keeps its floor less one, and a
program over the columns of smallest reduced cost decides the few replicas that are left. The full search
starts from that plan and gives the bound, which holds for all columns.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from solvers.backends.base import Backend
from solvers.program import Program, Sense
from solvers.result import Result, Status, relative_gap

KEPT_SHARE = 0.95
"""Share of all counts that the floors must keep for the detour to pay; below, the full search does better."""
RESIDUAL_COLUMNS = 600
"""Columns of smallest reduced cost that may exceed their floor."""
RESIDUAL_SHARE = 0.4
"""Share of the time for the residual program."""


def solve_by_floors(program: Program, backend: Backend, *, time_limit_s: float, gap: float) -> Result:
    """Solve a program within a time limit, by way of its linear solution where counts are large.

    Parameters
    ----------
    program
        The program.
    backend
        Solver of all parts.
    time_limit_s
        Limit of all parts together.
    gap
        Relative gap at which to stop.
    """
    started = time.perf_counter()
    relaxation = backend.solve_lp(program, time_limit_s=time_limit_s)
    if relaxation.status is not Status.OPTIMAL:
        return backend.solve(program, time_limit_s=_left_s(started, time_limit_s), gap=gap)
    residual_program = _residual(program, relaxation)
    if residual_program is None:
        return backend.solve(program, time_limit_s=_left_s(started, time_limit_s), gap=gap)
    share_s = RESIDUAL_SHARE * _left_s(started, time_limit_s)
    residual = backend.solve(residual_program, time_limit_s=share_s, gap=gap)
    if residual.x is not None and relative_gap(residual.objective, relaxation.objective) <= gap:
        return _merged(program, (residual,), relaxation.objective, gap, started)
    left_s = _left_s(started, time_limit_s)
    full = backend.solve(program, time_limit_s=left_s, gap=gap, hint=residual.x)
    if full.status in (Status.INFEASIBLE, Status.ERROR) or (full.x is None and residual.x is None):
        return full
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    bounds = [sign * bound for bound in (full.bound, relaxation.objective) if not np.isnan(bound)]
    return _merged(program, (residual, full), sign * max(bounds), gap, started)


def _residual(program: Program, relaxation: Result) -> Program | None:
    """Fix all columns at their floor less one, but for those of least reduced cost; None for small counts."""
    assert relaxation.x is not None
    assert relaxation.reduced_costs is not None
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    floor = np.where(program.integer, np.maximum(program.lb, np.floor(relaxation.x) - 1.0), program.lb)
    if floor[program.integer].sum() < KEPT_SHARE * relaxation.x[program.integer].sum():
        return None
    integers = np.flatnonzero(program.integer)
    order = integers[np.argsort(sign * relaxation.reduced_costs[integers], kind="stable")]
    ub = program.ub.copy()
    ub[order[RESIDUAL_COLUMNS:]] = floor[order[RESIDUAL_COLUMNS:]]
    return replace(program, lb=floor, ub=ub)


def _merged(
    program: Program, results: tuple[Result, ...], bound: float, gap: float, started: float
) -> Result:
    """Give the best point found with the bound over all columns."""
    found = [result for result in results if result.x is not None]
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    best = min(found, key=lambda result: sign * result.objective)
    bound = sign * min(sign * bound, sign * best.objective)
    status = Status.OPTIMAL if relative_gap(best.objective, bound) <= gap else Status.FEASIBLE
    wall_s = time.perf_counter() - started
    return replace(best, status=status, bound=bound, wall_s=wall_s, row_duals=None, reduced_costs=None)


def _left_s(started: float, time_limit_s: float) -> float:
    return max(time_limit_s - (time.perf_counter() - started), 0.0)
