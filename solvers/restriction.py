"""A smaller program: columns that are fixed leave it, and the rows count what they contribute."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.backends.base import Backend
from solvers.csr import Floats, Ints
from solvers.program import Program
from solvers.result import Result, Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Restriction:
    """The program over the ``columns`` that are left; ``base`` holds the fixed values [all columns]."""

    program: Program
    columns: Ints
    base: Floats

    def whole(self, x: Floats) -> Floats:
        """Turn a point of the small program into one of the whole program."""
        point = self.base.copy()
        point[self.columns] = x
        return point

    def solve(
        self, backend: Backend, *, time_limit_s: float, gap: float, hint: Floats | None = None
    ) -> Result:
        """Solve the small program; the point of the result, and the hint, are over all columns."""
        if not len(self.columns):
            return self._decided()
        start = None if hint is None else hint[self.columns]
        if start is not None and not self.program.is_feasible(start):
            start = None
        result = backend.solve(self.program, time_limit_s=time_limit_s, gap=gap, hint=start)
        return replace(result, x=None if result.x is None else self.whole(result.x), reduced_costs=None)

    def _decided(self) -> Result:
        """The result where nothing is left to decide."""
        value, nothing = self.program.obj_offset, np.zeros(0)
        if not self.program.is_feasible(nothing):
            return Result(status=Status.INFEASIBLE, wall_s=0.0)
        return Result(status=Status.OPTIMAL, x=self.base, objective=value, bound=value, wall_s=0.0)


def restrict(program: Program, lb: Floats, ub: Floats) -> Restriction:
    """Tighten the column bounds and take out what they fix.

    Parameters
    ----------
    program
        The whole program.
    lb, ub
        Bounds inside those of the program [columns].
    """
    columns = np.flatnonzero(lb < ub)
    base = np.where(lb < ub, 0.0, lb)
    fixed = program.rows.dot(base)
    small = replace(
        program,
        obj=program.obj[columns],
        obj_offset=program.objective(base),
        lb=lb[columns],
        ub=ub[columns],
        integer=program.integer[columns],
        rows=program.rows.take_columns(columns),
        row_lb=program.row_lb - fixed,
        row_ub=program.row_ub - fixed,
    )
    return Restriction(program=small, columns=columns, base=base)


def keep_rows(program: Program, rows: Ints) -> Program:
    """Give the program with some of its rows only."""
    return replace(
        program,
        rows=program.rows.take_rows(rows),
        row_lb=program.row_lb[rows],
        row_ub=program.row_ub[rows],
    )
