"""The linear relaxation of one program over one box after another, each started from the last basis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.csr import Bools, Csr, Floats, Ints
from solvers.program import Program, Sense
from solvers.result import Status
from solvers.scaling import scaled

PARAMETERS = """use_preprocessing: false use_dual_simplex: true
primal_feasibility_tolerance: 1e-9 dual_feasibility_tolerance: 1e-9"""
"""GLOP: a presolve would throw the basis away; after a change of bounds the last basis is dual feasible."""
INTEGRAL = 1e-7
"""Distance to a whole number that counts as none."""
NO_REDUCED_COST = 1e-6
"""Reduced costs below this, in the scaled program, may belong to basic columns."""
SHORTEST_MS = 1
"""The solver reads a limit of 0 ms as none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vertex:
    """Optimum of a relaxation: value, multipliers of the rows, and integer columns that are not whole.

    Parameters
    ----------
    value
        Objective at the vertex, in the sense of the program.
    multipliers
        Signed as d objective / d right-hand side [rows].
    fractional, at
        Integer columns with a value that is not whole, and that value.
    """

    value: float
    multipliers: Floats
    fractional: Ints
    at: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """Where columns and row activities lie at a vertex of the scaled program [columns + rows].

    ``basic`` lists the basic ones; ``on_bound`` tells those on a bound that may still leave it, ``at_upper``
    which bound that is; ``value`` is where they are.
    """

    basic: Ints
    on_bound: Bools
    at_upper: Bools
    value: Floats


class BoxRelaxation:
    """GLOP with the rows of one program; only column bounds change between solves."""

    def __init__(self, program: Program) -> None:
        from ortools.linear_solver import pywraplp

        self._program = program
        self._small, self._scaling = scaled(program)
        self._lb, self._ub = self._small.lb, self._small.ub
        self._words = {
            pywraplp.Solver.OPTIMAL: Status.OPTIMAL,
            pywraplp.Solver.INFEASIBLE: Status.INFEASIBLE,
        }
        self._solver: Any = pywraplp.Solver("relaxation", pywraplp.Solver.GLOP_LINEAR_PROGRAMMING)
        self._solver.SetSolverSpecificParametersAsString(PARAMETERS)
        small, rows = self._small, self._small.rows
        self._columns = [
            self._solver.NumVar(low, high, "")
            for low, high in zip(small.lb.tolist(), small.ub.tolist(), strict=True)
        ]
        self._rows = [
            self._solver.Constraint(low, high)
            for low, high in zip(small.row_lb.tolist(), small.row_ub.tolist(), strict=True)
        ]
        for i, j, value in zip(rows.row_of.tolist(), rows.indices.tolist(), rows.data.tolist(), strict=True):
            self._rows[i].SetCoefficient(self._columns[j], value)
        self._objective = self._solver.Objective()
        for j in np.flatnonzero(small.obj).tolist():
            self._objective.SetCoefficient(self._columns[j], float(small.obj[j]))
        self._objective.SetOptimizationDirection(small.sense is Sense.MAX)

    def value(self, lb: Floats, ub: Floats, *, time_limit_s: float) -> float | None:
        """Optimum over a box; infinite, on the worse side, where that is empty, None where GLOP failed."""
        low, high = lb / self._scaling.column, ub / self._scaling.column
        for j in np.flatnonzero((low != self._lb) | (high != self._ub)).tolist():
            self._columns[j].SetBounds(float(low[j]), float(high[j]))
        self._lb, self._ub = low, high
        self._solver.SetTimeLimit(max(int(time_limit_s * 1e3), SHORTEST_MS))
        status = self._words.get(self._solver.Solve())
        if status is Status.INFEASIBLE:
            return np.inf if self._program.sense is Sense.MIN else -np.inf
        if status is None:
            return None
        return float(self._objective.Value()) / self._scaling.objective + self._program.obj_offset

    def vertex(self, lb: Floats, ub: Floats, *, time_limit_s: float) -> Vertex | None:
        """Optimum over a box with its multipliers; None where there is none."""
        value = self.value(lb, ub, time_limit_s=time_limit_s)
        if value is None or not np.isfinite(value):
            return None
        prices = np.array([row.dual_value() for row in self._rows])
        reduced = self._small.obj - self._small.rows.transpose_dot(prices)
        # Columns with a reduced cost lie on a bound, and the bounds of integer columns are whole.
        loose = np.flatnonzero(self._program.integer & (np.abs(reduced) <= NO_REDUCED_COST))
        fractional, at = self._not_whole(loose)
        if not len(fractional):
            # Before a box counts as settled, no column is left out because of a badly scaled price.
            fractional, at = self._not_whole(np.flatnonzero(self._program.integer))
        return Vertex(
            value=value,
            multipliers=self._scaling.unscaled_row_duals(prices),
            fractional=fractional,
            at=at,
        )

    def _not_whole(self, columns: Ints) -> tuple[Ints, Floats]:
        """Those of some columns that are not whole at the last vertex, and where they are."""
        x = np.array([self._columns[j].solution_value() for j in columns.tolist()])
        broken = np.abs(x - np.round(x)) > INTEGRAL
        return columns[broken], x[broken]

    @property
    def scaled_program(self) -> Program:
        """The program that is solved; integer columns are as they were."""
        return self._small

    def point(self) -> Floats:
        """Give the last vertex in the units of the program [columns]."""
        x = np.array([column.solution_value() for column in self._columns])
        return self._scaling.unscaled_point(x)

    def basis(self) -> Basis:
        """Give the basis of the last vertex."""
        from ortools.linear_solver import pywraplp

        status = np.array([entry.basis_status() for entry in (*self._columns, *self._rows)], dtype=np.int64)
        x = np.array([column.solution_value() for column in self._columns])
        at_upper = status == pywraplp.Solver.AT_UPPER_BOUND
        return Basis(
            basic=np.flatnonzero(status == pywraplp.Solver.BASIC),
            on_bound=at_upper | (status == pywraplp.Solver.AT_LOWER_BOUND),
            at_upper=at_upper,
            value=np.append(x, self._small.rows.dot(x)),
        )


def elastic(program: Program) -> Program:
    """Give the program that minimises how far rows are missed; its multipliers prove a box empty."""
    rows, n = program.rows, program.n_cols
    size = rows.row_max_abs()
    size = np.where(size > 0, size, 1.0)
    low, high = np.flatnonzero(np.isfinite(program.row_lb)), np.flatnonzero(np.isfinite(program.row_ub))
    missing = np.concatenate((low, high))
    sign = np.concatenate((np.ones(len(low)), -np.ones(len(high))))
    extra = n + np.arange(len(missing))
    return replace(
        program,
        sense=Sense.MIN,
        obj=np.concatenate((np.zeros(n), np.ones(len(missing)))),
        obj_offset=0.0,
        lb=np.append(program.lb, np.zeros(len(missing))),
        ub=np.append(program.ub, np.full(len(missing), np.inf)),
        integer=np.append(program.integer, np.zeros(len(missing), dtype=np.bool_)),
        rows=Csr.from_triplets(
            np.concatenate((rows.row_of, missing)),
            np.concatenate((rows.indices, extra)),
            np.concatenate((rows.data, sign * size[missing])),
            (program.n_rows, n + len(missing)),
        ),
        column_name="c[{}]".format,
    )
