"""Powers of two that bring the rows, columns and objective of a program near one, without rounding."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.csr import Csr, Floats
from solvers.program import Program


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """Factors of one program; integer columns keep factor 1 so that integers stay integers."""

    row: Floats
    column: Floats
    objective: float

    def unscaled_point(self, x: Floats) -> Floats:
        """Turn a point of the scaled program into one of the original."""
        return x * self.column

    def scaled_point(self, x: Floats) -> Floats:
        """Turn a point of the original program into one of the scaled."""
        return x / self.column

    def unscaled_row_duals(self, duals: Floats) -> Floats:
        """Turn row duals of the scaled program into those of the original."""
        return duals * self.row / self.objective


def scaled(program: Program) -> tuple[Program, Scaling]:
    """Scale continuous columns, then rows, then the objective, each to a largest entry in [1, 2).

    Solver tolerances are absolute on the scaled rows, so a demand of 0.001 request/s is kept as exactly as
    one of 1000.
    """
    rows = program.rows
    # rows first: one row in bytes must not shrink a column below what the other rows can see of it
    even = np.abs(rows.data) * _power_of_two(rows.row_max_abs())[rows.row_of]
    largest = np.zeros(program.n_cols)
    np.maximum.at(largest, rows.indices, even)
    column = np.where(program.integer, 1.0, _power_of_two(largest))
    data = rows.data * column[rows.indices]
    scaled_rows = Csr(indptr=rows.indptr, indices=rows.indices, data=data, n_cols=rows.n_cols)
    row = _power_of_two(scaled_rows.row_max_abs())
    data = data * row[rows.row_of]
    obj = program.obj * column
    factor = float(_power_of_two(np.array([np.abs(obj).max(initial=0.0)]))[0])
    return replace(
        program,
        obj=obj * factor,
        obj_offset=program.obj_offset * factor,
        lb=program.lb / column,
        ub=program.ub / column,
        rows=Csr(indptr=rows.indptr, indices=rows.indices, data=data, n_cols=rows.n_cols),
        row_lb=program.row_lb * row,
        row_ub=program.row_ub * row,
    ), Scaling(row=row, column=column, objective=factor)


def _power_of_two(largest: Floats) -> Floats:
    """Give the power of two that brings each number into [1, 2); 1 for zero."""
    _, exponent = np.frexp(np.where(largest > 0, largest, 1.0))
    return np.where(largest > 0, np.ldexp(1.0, 1 - exponent), 1.0)
