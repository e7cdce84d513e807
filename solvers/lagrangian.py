r"""A bound on a program of many parts: price the rows that join them and solve every part on its own.

For any prices p >= 0 of the linking rows, minimising gives

.. math:: z \ge -\sum_l p_l \, limit_l + \sum_b z_b(p), \quad
          z_b(p) = \min \{ (c + p'A)_b\, x_b : x_b \text{ whole and within the rows of part } b \}

which is never weaker than the linear relaxation at its own prices. The bound that a solver proves for a part
serves as well as its optimum. With l_b, r_j a linear bound and the reduced costs of part b, a plan that takes
column j off its lower bound costs at least

.. math:: -\sum_l p_l \, limit_l + \sum_{a \ne b} z_a(p) + l_b + r_j
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from solvers.backends.base import Backend
from solvers.blocks import Block, Blocks, priced
from solvers.csr import Bools, Floats
from solvers.dual_bound import dual_bound
from solvers.program import Program
from solvers.restriction import restrict
from solvers.result import Result, Status
from solvers.substitutes import needed

MARGIN = 1e-9
"""Share of a part's bound given away for the tolerances of the solver."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Priced:
    """What one round of prices gives.

    Parameters
    ----------
    bound
        Bound on the whole program.
    point
        The best points of all parts together; within every row but perhaps the linking ones [columns]. None
        where some part has no point yet.
    floor
        Least objective of a plan that uses a column more than its lower bound [columns].
    useful
        Columns that some cheapest plan of a part may need [columns].
    infeasible
        Some part has no point at all.
    """

    bound: float
    point: Floats | None
    floor: Floats
    useful: Bools
    infeasible: bool


def solve_parts(
    program: Program,
    blocks: Blocks,
    prices: Floats,
    backend: Backend,
    *,
    gap: float,
    left_s: Callable[[], float],
    workers: Executor,
) -> Priced:
    """Solve all parts at these prices.

    Parameters
    ----------
    program, blocks
        A minimisation and its parts.
    prices
        Price of each linking row [linking rows].
    backend
        Solver of the parts.
    gap
        Relative gap at which a part counts as solved.
    left_s
        Gives the seconds left.
    workers
        Where the parts are solved side by side.
    """
    cost, constant = priced(program, blocks, prices)

    def solve(part: Block) -> _Solved:
        return _solve(part, cost[part.columns], backend, gap=gap, time_limit_s=left_s())

    solved = list(workers.map(solve, blocks.parts))
    bound = constant + sum(part.bound for part in solved)
    point, floor = np.zeros(program.n_cols), np.full(program.n_cols, -np.inf)
    useful = np.zeros(program.n_cols, dtype=np.bool_)
    for block, part in zip(blocks.parts, solved, strict=True):
        useful[block.columns] = part.useful
        if np.isfinite(bound):
            floor[block.columns] = bound - part.bound + part.floor
        if part.result.x is not None:
            point[block.columns] = part.result.x
    return Priced(
        bound=bound,
        point=point if all(part.result.x is not None for part in solved) else None,
        floor=floor,
        useful=useful,
        infeasible=any(part.result.status is Status.INFEASIBLE for part in solved),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    """One part: its result over all its columns, its bound, and what using each column costs at least."""

    result: Result
    bound: float
    floor: Floats
    useful: Bools


def _solve(part: Block, cost: Floats, backend: Backend, *, gap: float, time_limit_s: float) -> _Solved:
    program = replace(part.program, obj=cost)
    nothing = np.full(program.n_cols, -np.inf)
    if time_limit_s <= 0.0:
        result = Result(status=Status.TIME_LIMIT, wall_s=0.0)
        return _Solved(result=result, bound=-np.inf, floor=nothing, useful=np.isfinite(cost))
    useful = needed(program, cost)
    small = restrict(program, program.lb, np.where(useful, program.ub, program.lb))
    floor, bound = nothing, -np.inf
    relaxation = backend.solve_lp(small.program, time_limit_s=time_limit_s)
    if relaxation.row_duals is not None:
        bound = dual_bound(program, relaxation.row_duals)
        reduced = cost - program.rows.transpose_dot(relaxation.row_duals)
        floor = np.where(reduced > 0, bound + reduced, -np.inf)
    result = small.solve(backend, time_limit_s=time_limit_s, gap=gap)
    if np.isfinite(result.bound):
        bound = max(bound, result.bound - MARGIN * abs(result.bound))
    return _Solved(result=result, bound=bound, floor=floor, useful=useful)
