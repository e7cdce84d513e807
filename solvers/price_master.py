r"""Better prices of linking rows from the plans of the parts seen so far (Dantzig and Wolfe 1960).

Sets        k in K_b            plans of part b seen so far
            l in L              linking rows
Parameters  cost_k, use_kl      cost and use of one plan
            limit_l             available
            box_l               price above which a row may be overdrawn; keeps the program feasible
Variables   w_k >= 0            share of plan k
            over_l >= 0         overdraft

    min   sum_k cost_k w_k + sum_l box_l over_l
    s.t.  sum_k use_kl w_k - over_l <= limit_l     (link_l)
          sum_{k of b} w_k = 1                     (part_b)

The duals of (link_l) are the next prices, averaged with those of the best bound so far: plain duals swing.
"""

from __future__ import annotations

import numpy as np

from solvers.backends.base import Backend
from solvers.blocks import Blocks
from solvers.builder import ProgramBuilder
from solvers.csr import Floats
from solvers.program import Program, Sense
from solvers.result import Result

OWN_WEIGHT = 0.3
"""Weight of the new duals against the best prices so far; all of it where the mean brings no new plan."""
BOX_FACTOR = 1.5
"""Box of a row with a price, as a multiple of that price."""
FREE_BOX_SHARE = 0.02
"""Box of a row without a price, as a share of the median cost of one unit of it."""
BOX_GROWTH = 2.0
"""Growth of the box of a row that stays overdrawn."""
OVERDRAFT = 1e-9
"""Overdraft below this share of a limit is rounding."""


class PriceMaster:
    """Collects plans and gives prices.

    ``value`` is the least cost that shares of the plans seen so far reach within all rows, infinite until
    they do; ``center`` is that mixture of plans [columns].
    """

    def __init__(self, program: Program, blocks: Blocks, prices: Floats) -> None:
        self.program, self.blocks = program, blocks
        self.best, self.best_bound = prices, -np.inf
        self.value = np.inf
        self.center: Floats | None = None
        self._weight = OWN_WEIGHT
        self._box = np.maximum(BOX_FACTOR * prices, _unit_costs(program, blocks) * FREE_BOX_SHARE)
        self._plans: dict[tuple[int, bytes], Floats] = {}
        self._cost: list[float] = []
        self._use: list[Floats] = []
        self._part: list[int] = []

    def learn(self, prices: Floats, bound: float, point: Floats) -> None:
        """Take in a round: its prices, the bound they proved, and the best plans of all parts."""
        if bound > self.best_bound:
            self.best, self.best_bound = prices, bound
        known = len(self._plans)
        self.add(point)
        self._weight = OWN_WEIGHT if len(self._plans) > known else 1.0

    def add(self, point: Floats) -> None:
        """Take in the plans of all parts; those of a whole plan keep the mixtures within every row."""
        for number, block in enumerate(self.blocks.parts):
            plan = point[block.columns]
            key = (number, plan.tobytes())
            if key in self._plans:
                continue
            self._plans[key] = plan
            alone = np.zeros(self.program.n_cols)
            alone[block.columns] = plan
            self._cost.append(float(self.program.obj @ alone))
            self._use.append(self.program.rows.dot(alone)[self.blocks.linking])
            self._part.append(number)

    def next_prices(self, backend: Backend, *, time_limit_s: float) -> Floats | None:
        """Solve the master; None where it brings nothing new."""
        result = self._solve(backend, time_limit_s)
        if result.x is None or result.row_duals is None:
            return None
        links = len(self.blocks.linking)
        limit = self.program.row_ub[self.blocks.linking]
        over = result.x[len(self._cost) :] > OVERDRAFT * np.maximum(np.abs(limit), 1.0)
        if not over.any():
            self.value = result.objective + self.program.obj_offset
            self.center = self._mixture(result.x)
        self._box = np.where(over, BOX_GROWTH * self._box, self._box)
        duals = np.maximum(-result.row_duals[:links], 0.0)
        return self._weight * duals + (1.0 - self._weight) * self.best

    def _mixture(self, shares: Floats) -> Floats:
        """Sum of all plans with their shares [columns]."""
        point = np.zeros(self.program.n_cols)
        for number, plan, share in zip(self._part, self._plans.values(), shares, strict=False):
            point[self.blocks.parts[number].columns] += share * plan
        return point

    def _solve(self, backend: Backend, time_limit_s: float) -> Result:
        m = ProgramBuilder()
        plans, links = len(self._cost), len(self.blocks.linking)
        w = m.columns("share", np.zeros(plans), np.inf)
        over = m.columns("over", np.zeros(links), np.inf)
        use, link = np.array(self._use), np.arange(links)
        m.rows(
            "link",
            [(link[None, :], w[:, None], use), (link, over, -1.0)],
            -np.inf,
            self.program.row_ub[self.blocks.linking],
        )
        m.rows("part", [(np.array(self._part), w, 1.0)], np.ones(len(self.blocks.parts)), 1.0)
        obj = np.concatenate([self._cost, self._box])
        return backend.solve_lp(m.finish(Sense.MIN, obj, name="prices"), time_limit_s=time_limit_s)


def _unit_costs(program: Program, blocks: Blocks) -> Floats:
    """Median cost of one unit of each linking row over the columns that use it [linking rows]."""
    rows = program.rows
    costs = np.abs(program.obj[rows.indices]) / rows.data
    medians = np.zeros(len(blocks.linking))
    for i, row in enumerate(blocks.linking):
        used = costs[int(rows.indptr[row]) : int(rows.indptr[row + 1])]
        medians[i] = np.median(used) if len(used) else 0.0
    return np.maximum(medians, np.finfo(float).tiny)
