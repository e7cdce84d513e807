r"""The best plan and the best bound of a search, and the columns that a better plan can still use.

Let ``floor_j`` be a bound on every plan that uses column j beyond its lower bound: a bound on all plans plus
the reduced cost of j, from a linear relaxation or from the prices of ``lagrangian``. Once a plan of objective
U is known, a strictly better one has x_j = lb_j wherever floor_j >= U. A search of what is left proves

.. math:: z \ge \min(U, \text{bound of that search})

for the whole program: any plan that was left out costs at least U. Nothing is concluded for columns whose
reduced cost is not positive.
"""

from __future__ import annotations

import numpy as np

from solvers import watch
from solvers.csr import Bools, Floats
from solvers.program import Program
from solvers.result import relative_gap


class Incumbent:
    """State of one search for a minimum."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.x: Floats | None = None
        self.objective = np.inf
        self.bound = -np.inf
        self.floor = np.full(program.n_cols, -np.inf)

    def offer(self, x: Floats | None) -> bool:
        """Take a plan if it is within every row and better; whether it was."""
        if x is None or not self.program.objective(x) < self.objective or not self.program.is_feasible(x):
            return False
        self.x, self.objective = x, self.program.objective(x)
        watch.told(self.objective, self.bound)
        return True

    def prove(self, bound: float) -> None:
        """Take in a bound on all plans."""
        if np.isfinite(bound) and bound > self.bound:
            self.bound = bound
            watch.told(self.objective, self.bound)

    def prove_floor(self, floor: Floats) -> None:
        """Take in bounds on the plans that use each column [columns]."""
        self.floor = np.maximum(self.floor, floor)

    @property
    def open(self) -> Bools:
        """Columns that a strictly better plan may use beyond their lower bound [columns]."""
        return self.floor < self.objective

    @property
    def gap(self) -> float:
        """Relative distance of plan and bound; infinite while either is missing."""
        if self.x is None or not np.isfinite(self.bound):
            return np.inf
        return relative_gap(self.objective, min(self.bound, self.objective))
