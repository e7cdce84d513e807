"""A linear mixed-integer program as plain sparse arrays: the one form every solver backend reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from solvers.csr import Bools, Csr, Floats

FEASIBILITY_TOLERANCE = 1e-6
"""Largest violation of a row, relative to its own magnitude, that still counts as satisfied."""
SMALLEST_ROW = 1e-2
"""Smallest magnitude of a row in units of its largest coefficient."""


class Sense(StrEnum):
    """Direction of the objective."""

    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    r"""Minimise or maximise ``obj' x + obj_offset`` over rows and bounds.

    .. math:: row\_lb \le A x \le row\_ub,\quad lb \le x \le ub,\quad x_j \in Z \text{ for integer } j

    Names are built only when asked for: ``column_name(j)`` and ``row_name(i)``.
    """

    sense: Sense
    obj: Floats
    lb: Floats
    ub: Floats
    integer: Bools
    rows: Csr
    row_lb: Floats
    row_ub: Floats
    column_name: Callable[[int], str] = "x[{}]".format
    row_name: Callable[[int], str] = "row[{}]".format
    obj_offset: float = 0.0
    name: str = "program"

    @property
    def n_cols(self) -> int:
        """Number of columns (variables)."""
        return len(self.obj)

    @property
    def n_rows(self) -> int:
        """Number of rows (constraints)."""
        return self.rows.n_rows

    def objective(self, x: Floats) -> float:
        """Objective value of a point."""
        return float(self.obj @ x) + self.obj_offset

    def violation(self, x: Floats) -> float:
        """Largest violation of any row, bound or integrality, relative to the size of that row."""
        activity = self.rows.dot(x)
        terms = np.bincount(
            self.rows.row_of, weights=np.abs(self.rows.data * x[self.rows.indices]), minlength=self.n_rows
        )
        # A row of zeros has no magnitude of its own: a part of its largest coefficient stands in.
        least = self.rows.row_max_abs() * SMALLEST_ROW
        size = np.maximum(np.maximum(terms, least), np.maximum(_finite(self.row_lb), _finite(self.row_ub)))
        size = np.where(size > 0, size, 1.0)
        over = np.maximum(self.row_lb - activity, activity - self.row_ub) / size
        outside = np.maximum(self.lb - x, x - self.ub) / np.maximum(1.0, np.abs(x))
        broken = np.where(self.integer, np.abs(x - np.round(x)), 0.0)
        return float(max(over.max(initial=0.0), outside.max(initial=0.0), broken.max(initial=0.0)))

    def is_feasible(self, x: Floats, tolerance: float = FEASIBILITY_TOLERANCE) -> bool:
        """Whether a point meets every row, bound and integrality up to a relative tolerance."""
        return self.violation(x) <= tolerance

    def relaxed(self) -> Program:
        """Give the linear relaxation: the same program without integrality."""
        return replace(self, integer=np.zeros(self.n_cols, dtype=np.bool_))

    def fixed(self, columns: Bools, x: Floats) -> Program:
        """Fix some columns at the values they have in ``x``."""
        return replace(self, lb=np.where(columns, x, self.lb), ub=np.where(columns, x, self.ub))


def _finite(bound: Floats) -> Floats:
    """Magnitude of a bound, 0 where there is none."""
    return np.where(np.isfinite(bound), np.abs(bound), 0.0)
